"""From input to a data set: every phase's tasks, then the manifest."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from workloads.command import InputError
from workloads.dataset import Dataset, Shard
from workloads.files import Folder
from workloads.prepare.clean import clean
from workloads.prepare.duplicates import match, merge
from workloads.prepare.encode import encode
from workloads.prepare.executor import Executor
from workloads.prepare.layout import dtype
from workloads.prepare.packing import cuts, forget_lost, pack
from workloads.prepare.seal import seal
from workloads.prepare.settings import EDITION, Settings, versions
from workloads.prepare.sources import Input, Part
from workloads.prepare.tokenizer import provide
from workloads.prepare.work import Tally, Task, key

WORK = "work"  # the folder below `out` for what lies between the stages
BUCKET_BYTES = 4 << 30  # of input for each bucket of the global exchange
MOST_BUCKETS = 256


def prepare(given: Input, out: Folder, settings: Settings, executor: Executor) -> Dataset:
    """Make the data set in `out` of what is given; InputError if nothing is left of it.

    Of several pods the first one writes the manifest, when everybody's work is done.
    """
    cleaning = _clean_tasks(given, settings)
    cleaned = tuple(task.stem for task in cleaning)
    read = _sum(executor.run("clean", cleaning))
    buckets = _buckets(given)

    matching = [
        Task(f"match/{key(cleaned, bucket)}", match, (cleaned, bucket, buckets))
        for bucket in range(buckets)
    ]
    executor.run("match", matching)
    matched = tuple(task.stem for task in matching)
    merging = Task(f"merge/{key(matched)}", merge, (matched, len(cleaned)))
    [repeats] = executor.run("merge", [merging])

    counts = _counts(read, repeats)
    if not counts["kept"]:
        raise InputError(f"no document is left: {_funnel(counts)}")
    share = min(1.0, settings.sample_bytes / max(1, read["characters"]))
    learning = Task(
        "tokenizer/"
        + key(merging.stem, settings.tokenizer, settings.marks, settings.vocabulary, share),
        provide,
        (cleaned, merging.stem, settings, share),
    )
    [learnt] = executor.run("tokenizer", [learning])

    marks = (learnt["begin"], learnt["end"])
    encoding = [
        Task(
            f"encode/{key(merging.stem, learning.stem, part)}",
            encode,
            (stem, merging.stem, part, learning.stem, marks),
        )
        for part, stem in enumerate(cleaned)
    ]
    encoded = executor.run("encode", encoding)
    packing = _pack_tasks(encoding, encoded, learnt["vocabulary"], settings, out)
    forget_lost(executor.mine(packing), out.folder(WORK), out)
    shards = executor.run("pack", packing)
    tokens = sum(tally["tokens"] for tally in encoded)
    if not shards:
        raise InputError(
            f"the text makes only {tokens:,} tokens, less than one sequence of"
            f" {settings.sequence_length}; give more text or a smaller --sequence-length"
            f" ({_funnel(counts)})"
        )
    dataset = Dataset(
        shards=tuple(Shard(**shard) for shard in shards),
        sequences=sum(shard["sequences"] for shard in shards),
        sequence_length=settings.sequence_length,
        tokens=tokens,
        documents=counts["kept"],
        vocabulary=learnt["vocabulary"],
        begin_token=marks[0],
        end_token=marks[1],
        dtype=dtype(learnt["vocabulary"]).name,
        tokenizer_sha256=learnt["sha256"],
        sources=given.sources,
        versions=versions(),
        settings=settings.table(),
        counts=counts,
    )
    if executor.share.index == 0:
        packed = tuple(task.marker for task in packing)
        seal(dataset, out, out.folder(WORK), cleaned=cleaned, learnt=learning.stem, packed=packed)
    return dataset


def _clean_tasks(given: Input, settings: Settings) -> list[Task]:
    buckets = _buckets(given)
    # Only what a stage's output depends on goes into its name.
    slim = replace(settings, tokenizer=None, vocabulary=0, sequence_length=0)
    of = (EDITION, versions(), settings.text_key, settings.row_bytes, sorted(settings.skip))

    def task(part: Part) -> Task:
        return Task(f"clean/{key(of, part, buckets)}", clean, (part, slim, buckets))

    return [task(part) for part in given.parts(settings.part_bytes)]


def _pack_tasks(
    encoding: Sequence[Task],
    encoded: Sequence[Tally],
    vocabulary: int,
    settings: Settings,
    out: Folder,
) -> list[Task]:
    length = settings.sequence_length
    sequences = max(1, settings.shard_bytes // ((length + 1) * dtype(vocabulary).itemsize))
    tasks = []
    for number, cut in enumerate(cuts([tally["tokens"] for tally in encoded], length, sequences)):
        spans = tuple((encoding[part].stem, start, stop) for part, start, stop in cut.spans)
        name = key(spans, length)
        shard = f"tokens-{number:05d}-{name[:8]}.bin"
        arguments = (spans, length, vocabulary, out.uri, shard)
        tasks.append(Task(f"pack/{number:05d}-{name}", pack, arguments))
    return tasks


def _buckets(given: Input) -> int:
    return min(MOST_BUCKETS, 1 + given.bytes // BUCKET_BYTES)


def _sum(tallies: Sequence[Tally]) -> Counter[str]:
    total = Counter[str]()
    for tally in tallies:
        total.update(tally)
    return total


def _counts(read: Counter[str], repeats: Tally) -> dict[str, Any]:
    """What became of the rows: read = kept + duplicates + filtered + quarantined."""

    def under(start: str) -> dict[str, int]:
        found = [(name.removeprefix(start), count) for name, count in read.items()
                 if name.startswith(start)]  # fmt: skip
        return dict(sorted(found, key=lambda item: (-item[1], item[0])))

    return {
        "rows": read["rows"],
        "bytes": read["bytes"],
        "kept": read["documents"] - repeats["exact"] - repeats["near"],
        "duplicates": {"exact": repeats["exact"], "near": repeats["near"]},
        "largest_group": repeats["largest"],
        "filtered": under("filtered/"),
        "quarantined": under("quarantined/"),
        "personal": under("personal/"),
        "lengths_read": under("length read/"),
        "lengths_kept": under("length kept/"),
    }


def _funnel(counts: dict[str, Any]) -> str:
    lost = [
        f"{count:,} {what} ({reason})"
        for what in ("quarantined", "filtered", "duplicates")
        for reason, count in counts[what].items()
        if count
    ]
    return f"of {counts['rows']:,} rows {'; '.join(lost) or 'none was lost'}"
