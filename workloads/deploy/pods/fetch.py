"""Runs in a pod, as its init container: bring a folder from S3 and verify it.

python fetch.py s3://bucket/prefix MANIFEST.json FOLDER SHA256

SHA256 is that of the manifest, which names every file with its own, and perhaps the folder below
the prefix in which they lie. A container that is started again keeps what it has and verifies it.
Needs boto3 and nothing of this project: the serving images have boto3, and of us only this file.
"""

import hashlib
import json
import sys
import time
from pathlib import Path

import boto3
from boto3.s3.transfer import TransferConfig

TRANSFER = TransferConfig(max_concurrency=16, multipart_chunksize=32 * 1024 * 1024)


def sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def fetch(uri: str, manifest: str, folder: Path, expected: str) -> None:
    """Every file of the manifest in `folder`; SystemExit with a sentence if one is not as said."""
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    s3 = boto3.client("s3")

    def key(*parts: str) -> str:
        return "/".join(part for part in (prefix.strip("/"), *parts) if part)

    text = s3.get_object(Bucket=bucket, Key=key(manifest))["Body"].read()
    if hashlib.sha256(text).hexdigest() != expected:
        sys.exit(f"{uri}/{manifest} is not the one this deployment was made for ({expected})")
    table = json.loads(text)
    below = table.get("folder", "")
    begun = time.monotonic()
    for name, file in table["files"].items():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            sys.exit(f"{uri}/{manifest} names {name!r}, which is not inside the folder")
        if not (path.is_file() and path.stat().st_size == file["bytes"]):
            path.parent.mkdir(parents=True, exist_ok=True)
            s3.download_file(bucket, key(below, name), str(path), Config=TRANSFER)
        if sha256(path) != file["sha256"]:
            path.unlink()
            sys.exit(f"{uri}/{name} is not what {manifest} says: its SHA-256 differs")
        print(f"{name}: {file['bytes']:,} bytes, verified", flush=True)
    print(f"{uri} is here after {time.monotonic() - begun:.0f} s", flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    fetch(sys.argv[1], sys.argv[2], Path(sys.argv[3]), sys.argv[4])
