"""Replace a small file only if nobody else has since: what decides between two writers.

In S3 a conditional PUT on the ETag; in a folder a lock that all writers on this file system take.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from workloads.command import StageError
from workloads.file_errors import sentences
from workloads.files import Folder, S3Folder


class Conflict(StageError):
    """Somebody else has written the file meanwhile; the text names it."""


def read_versioned(folder: Folder, name: str) -> tuple[bytes, str | None]:
    """The file and its version; nothing and None when there is no such file."""
    if not folder.exists(name):
        return b"", None
    if isinstance(folder, S3Folder):
        return folder.read_with_etag(name)
    data = folder.read(name)
    return data, data.hex()


def write_versioned(folder: Folder, name: str, data: bytes, version: str | None) -> str:
    """Write over this very version (None: there must be no such file); gives the new version."""
    if isinstance(folder, S3Folder):
        etag = folder.write_if(name, data, version)
        if etag is None:
            raise Conflict(f"{folder.uri}/{name} was written by somebody else meanwhile")
        return etag
    assert folder.path is not None
    with _locked(folder.path):
        if read_versioned(folder, name)[1] != version:
            raise Conflict(f"{folder.uri}/{name} was written by somebody else meanwhile")
        folder.write(name, data)
    return data.hex()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Alone in this folder, among those who ask."""
    with sentences(path):
        path.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)
