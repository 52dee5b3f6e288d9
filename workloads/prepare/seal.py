"""The end of a preparation: the manifest makes files a data set, and a report tells of it."""

from collections.abc import Collection, Sequence

from workloads.dataset import MANIFEST, TOKENIZER, Dataset
from workloads.files import UNFINISHED, Folder
from workloads.prepare.layout import QUARANTINE, RULES

QUARANTINED = "quarantine.jsonl"
SHARDS = "tokens-"


def seal(
    dataset: Dataset,
    out: Folder,
    work: Folder,
    *,
    cleaned: Sequence[str],
    learnt: str,
    packed: Collection[str],
) -> None:
    """Write tokenizer, quarantine and manifest; then delete what an earlier data set left.

    cleaned, learnt: the stems of the parts' and the tokenizer's files; packed: markers of shards.
    """
    manifest = dataset.to_json()
    if not (out.exists(MANIFEST) and out.read(MANIFEST) == manifest):
        out.delete(MANIFEST)  # from here on the folder is no data set, until the new manifest
        out.write(TOKENIZER, work.read(learnt + RULES))
        _write_quarantine(cleaned, out, work)
        out.write(MANIFEST, manifest)
    for name in work.folder("pack").names():  # first: a shard without a marker is made again
        if f"pack/{name}" not in packed:
            work.delete(f"pack/{name}")
    kept = {shard.file for shard in dataset.shards}
    for name in out.names():
        if name.startswith(SHARDS) and name not in kept:
            out.delete(name)
    if work.path is not None:
        for file in work.path.rglob(f"*{UNFINISHED}"):  # of processes that were killed
            file.unlink(missing_ok=True)


def _write_quarantine(cleaned: Sequence[str], out: Folder, work: Folder) -> None:
    """Every bad row: file, offset, reason; no such file if there is none."""
    written = {f"clean/{name}" for name in work.folder("clean").names()}
    stems = [stem for stem in cleaned if stem + QUARANTINE in written]
    if stems:
        out.write(QUARANTINED, b"".join(work.read(stem + QUARANTINE) for stem in stems))
    else:
        out.delete(QUARANTINED)
