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
    wanted = {
        TOKENIZER: work.read(learnt + RULES),
        QUARANTINED: _quarantine(cleaned, work),
        MANIFEST: dataset.to_json(),
    }
    present = set(out.names())
    if any(data != (out.read(name) if name in present else b"") for name, data in wanted.items()):
        out.delete(MANIFEST)  # from here on the folder is no data set, until the new manifest
        for name, data in wanted.items():
            if data:
                out.write(name, data)
            else:
                out.delete(name)
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


def _quarantine(cleaned: Sequence[str], work: Folder) -> bytes:
    """Every bad row: file, offset, reason."""
    written = {f"clean/{name}" for name in work.folder("clean").names()}
    stems = [stem for stem in cleaned if stem + QUARANTINE in written]
    return b"".join(work.read(stem + QUARANTINE) for stem in stems)
