"""A folder as it is kept in S3: its files, and last of all a manifest with their SHA-256.

Who fetches it, a pod's init container for one, trusts the manifest's own SHA-256 and nothing else.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workloads.command import InputError, StageError, progress
from workloads.dataset import file_sha256
from workloads.files import Folder

MANIFEST = "MANIFEST.json"


@dataclass(frozen=True, kw_only=True)
class Package:
    """The content of a folder, wherever it lies."""

    files: Mapping[str, Mapping[str, Any]]  # name: {"bytes": ..., "sha256": ...}

    def to_json(self) -> bytes:
        return json.dumps({"files": self.files}, indent=1, sort_keys=True).encode() + b"\n"

    @property
    def sha256(self) -> str:
        """Of the manifest, and so of everything."""
        return hashlib.sha256(self.to_json()).hexdigest()

    @property
    def bytes(self) -> int:
        return sum(file["bytes"] for file in self.files.values())


def measure(path: Path) -> Package:
    """What a folder on this machine holds; hidden files and an older manifest are left out."""
    files: dict[str, Mapping[str, Any]] = {}
    for file in sorted(path.rglob("*")):
        name = file.relative_to(path).as_posix()
        if not file.is_file() or name == MANIFEST or any(p[0] == "." for p in name.split("/")):
            continue
        files[name] = {"bytes": file.stat().st_size, "sha256": file_sha256(file)}
    if not files:
        raise InputError(f"{path} has no files")
    return Package(files=files)


def publish(path: Path, package: Package, to: Folder) -> None:
    """Put the files where they can be fetched from; nothing is sent that is there already.

    The manifest goes first when it is another one and comes last, so that a folder with a manifest
    is always whole.
    """
    if to.exists(MANIFEST):
        if to.read(MANIFEST) == package.to_json():
            progress(f"{to.uri} has these files already")
            return
        to.delete(MANIFEST)
    for name, file in package.files.items():
        progress(f"{to.uri}/{name}: {file['bytes']:,} bytes")
        to.upload(path / name, name)
    to.write(MANIFEST, package.to_json())


def read_package(folder: Folder) -> Package:
    """What was published there; InputError if nothing was."""
    if not folder.exists(MANIFEST):
        raise InputError(
            f"{folder.uri} has no {MANIFEST}: publish the folder there first, with "
            "python -m workloads.deploy upload"
        )
    data = folder.read(MANIFEST)
    try:
        package = Package(files=json.loads(data)["files"])
        sizes = all(file["bytes"] >= 0 and file["sha256"] for file in package.files.values())
    except (ValueError, KeyError, TypeError, AttributeError):
        sizes = False
    if not sizes:
        raise StageError(f"{folder.uri}/{MANIFEST} is not a manifest of files")
    if package.to_json() != data:
        raise StageError(f"{folder.uri}/{MANIFEST} was not written by this command")
    return package
