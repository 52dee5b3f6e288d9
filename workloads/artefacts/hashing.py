"""A file's digest, read once in pieces, wherever it lies."""

import hashlib

from workloads.files import Folder

CHUNK = 1 << 20  # bytes


def sha256_of(folder: Folder, name: str) -> str:
    """Hex digest of a file's bytes."""
    digest = hashlib.sha256()
    with folder.open(name) as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
