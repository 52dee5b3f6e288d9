"""Runs in a pod, as its init container: bring a published folder from S3 and verify it.

python fetch.py s3://bucket/prefix FOLDER SHA256

SHA256 is that of the folder's MANIFEST.json, which names every file with its own. A container that
is started again keeps what it has already and verified. Needs boto3 and nothing of this project:
the serving images have boto3, and no more of us than this file.
"""

import hashlib
import json
import sys
import time
from pathlib import Path

import boto3
from boto3.s3.transfer import TransferConfig

MANIFEST = "MANIFEST.json"
TRANSFER = TransferConfig(max_concurrency=16, multipart_chunksize=32 * 1024 * 1024)


def sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def fetch(uri: str, folder: Path, expected: str) -> None:
    """Every file of the manifest in `folder`; SystemExit with a sentence if one is not as said."""
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    prefix = prefix.strip("/")
    s3 = boto3.client("s3")

    def key(name: str) -> str:
        return f"{prefix}/{name}".lstrip("/")

    text = s3.get_object(Bucket=bucket, Key=key(MANIFEST))["Body"].read()
    if hashlib.sha256(text).hexdigest() != expected:
        sys.exit(f"{uri}/{MANIFEST} is not the one this deployment was made for ({expected})")
    begun = time.monotonic()
    for name, file in json.loads(text)["files"].items():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            sys.exit(f"{uri}/{MANIFEST} names {name!r}, which is not inside the folder")
        if not (path.is_file() and path.stat().st_size == file["bytes"]):
            path.parent.mkdir(parents=True, exist_ok=True)
            s3.download_file(bucket, key(name), str(path), Config=TRANSFER)
        if sha256(path) != file["sha256"]:
            path.unlink()
            sys.exit(f"{uri}/{name} is not what {MANIFEST} says: its SHA-256 differs")
        print(f"{name}: {file['bytes']:,} bytes, verified", flush=True)
    print(f"{uri} is here after {time.monotonic() - begun:.0f} s", flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    fetch(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
