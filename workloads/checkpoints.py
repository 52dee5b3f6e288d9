"""A run's checkpoints: one folder per step, complete once its MANIFEST.json is there.

train writes them and export reads them. The manifest names every file with size and SHA-256 and
carries its own digest, so that one flipped bit anywhere is found before anything is loaded.
"""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from workloads.command import StageError
from workloads.dataset import file_sha256
from workloads.files import Folder

MANIFEST = "MANIFEST.json"
LATEST = "latest.json"
STEP = re.compile(r"checkpoints/step-(\d{8})/")
NAME = re.compile(rf"{STEP.pattern}{MANIFEST}")


class Damaged(StageError):
    """A checkpoint is not what its manifest says; the text names the file."""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a checkpoint is: made by which settings, of which model, from which data."""

    step: int
    world_size: int
    settings: dict[str, Any]
    model: dict[str, Any]
    model_sha256: str  # of the weights it began from; "" for fresh ones
    data_sha256: str
    tokenizer_sha256: str
    versions: dict[str, str]
    files: dict[str, dict[str, Any]]  # name: {"bytes": ..., "sha256": ...}

    def to_json(self) -> bytes:
        table = asdict(self)
        return _dump(table | {"manifest_sha256": hashlib.sha256(_dump(table)).hexdigest()})


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A verified checkpoint on this machine."""

    path: Path
    manifest: Manifest


def folder_name(step: int) -> str:
    return f"checkpoints/step-{step:08d}"


def complete_steps(run: Folder) -> list[int]:
    """The steps that have a manifest, newest first."""
    matches = map(NAME.fullmatch, run.names())
    return sorted((int(match[1]) for match in matches if match), reverse=True)


def newest(run: Folder, scratch: Path, warn: Callable[[str], None]) -> Checkpoint | None:
    """The newest checkpoint that verifies; each damaged one before it is told to `warn`."""
    for step in complete_steps(run):
        try:
            return fetch(run, step, scratch)
        except Damaged as error:
            warn(f"warning: {error}; going back to the checkpoint before it")
    return None


def fetch(run: Folder, step: int, scratch: Path) -> Checkpoint:
    """The checkpoint of `step`, every file checked; below `scratch` if `run` is elsewhere."""
    folder = run.folder(folder_name(step))
    manifest = _parse(folder.read(MANIFEST), f"{folder.uri}/{MANIFEST}")
    present = set(folder.names())
    if missing := sorted(manifest.files.keys() - present):
        raise Damaged(f"{folder.uri}/{missing[0]} is missing")
    path = folder.download(manifest.files, scratch / folder_name(step))
    for name, expected in manifest.files.items():
        if file_sha256(path / name) != expected["sha256"]:
            raise Damaged(f"{folder.uri}/{name} is damaged: its SHA-256 is not the manifest's")
    return Checkpoint(path=path, manifest=manifest)


def forget(run: Folder, *, keep: int) -> None:
    """Delete what is older than the newest `keep` complete checkpoints, unfinished ones too.

    A manifest goes first: what is half deleted is no checkpoint.
    """
    kept = complete_steps(run)[:keep]
    if len(kept) < keep:
        return
    old = [name for name in run.names() if (m := STEP.match(name)) and int(m[1]) < kept[-1]]
    for name in sorted(old, key=lambda name: not name.endswith(MANIFEST)):
        run.delete(name)
    for folder in {name.rpartition("/")[0] for name in old}:
        if run.path is not None:
            (run.path / folder).rmdir()


def describe_files(path: Path) -> dict[str, dict[str, Any]]:
    """The manifest's `files` for everything that lies in `path`."""
    return {
        file.name: {"bytes": file.stat().st_size, "sha256": file_sha256(file)}
        for file in sorted(path.iterdir())
        if file.name != MANIFEST
    }


def _parse(data: bytes, where: str) -> Manifest:
    try:
        table = json.loads(data)
        del table["manifest_sha256"]
        manifest = Manifest(**table)
    except (ValueError, TypeError, KeyError):
        raise Damaged(f"{where} is damaged: it cannot be read") from None
    if manifest.to_json() != data:
        raise Damaged(f"{where} is damaged: it does not match its own digest")
    return manifest


def _dump(table: dict[str, Any]) -> bytes:
    return json.dumps(table, indent=2).encode() + b"\n"
