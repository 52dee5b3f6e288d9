"""Turn text into token shards to train on.

python -m workloads.prepare --stories 8000 --out data
python -m workloads.prepare --input crawl/*.jsonl.gz s3://bucket/texts --out s3://bucket/tokens

Inputs are JSON lines, Parquet, or plain text of which each file is one document; a folder stands
for those below it. Rows that are no text go to quarantine.jsonl, texts that are hardly language or
repeat others are left out, personal data is replaced. The same input gives the same bytes, with any
number of workers and however often it was interrupted: run the command again, and it goes on.

In an indexed Kubernetes Job every pod runs the same command with --of COMPLETIONS; they meet in the
folder --out.
"""

import os
from argparse import Namespace
from collections.abc import Sequence

from workloads.command import Parser, count, end, run
from workloads.files import open_folder
from workloads.jobs.environment import own_index
from workloads.prepare.build import WORK, prepare
from workloads.prepare.executor import Executor, Share
from workloads.prepare.report import REPORT, render
from workloads.prepare.settings import STEPS, Settings
from workloads.prepare.sources import find_files, tell_stories
from workloads.prepare.tokenizer import SMALLEST, read_tokenizer


def parser() -> Parser:
    options = Parser(prog="python -m workloads.prepare", description=__doc__)
    text = options.add_mutually_exclusive_group(required=True)
    text.add_argument(
        "--input", nargs="+", metavar="FILE",
        help="files, folders, patterns or s3://: .jsonl .parquet .txt .md, also .gz .zst .bz2",
    )  # fmt: skip
    text.add_argument("--stories", type=count(1), metavar="N", help="make N stories")
    options.add_argument("--seed", type=int, default=0, help="which stories (%(default)s)")
    options.add_argument(
        "--noise", action="store_true",
        help="put duplicates, personal data and junk between the stories, to be found",
    )  # fmt: skip
    options.add_argument("--out", required=True, metavar="URI", help="a folder or s3://")
    options.add_argument(
        "--text-key", default="text", metavar="KEY",
        help="the text in a JSON object or Parquet row (%(default)s)",
    )  # fmt: skip
    options.add_argument(
        "--skip", nargs="+", default=[], choices=STEPS, metavar="STEP",
        help=f"leave out some of: {', '.join(STEPS)}",
    )  # fmt: skip
    options.add_argument(
        "--vocabulary", type=count(SMALLEST), default=1024, metavar="N",
        help="tokens the tokenizer may learn (%(default)s)",
    )  # fmt: skip
    options.add_argument(
        "--sample-mib", type=count(1), default=64, metavar="N",
        help="text that the tokenizer is learnt from, at most, in MiB (%(default)s)",
    )  # fmt: skip
    options.add_argument(
        "--tokenizer", metavar="FILE", help="a tokenizer.json to use instead, or its folder"
    )
    options.add_argument(
        "--sequence-length", type=count(8), default=256, metavar="N",
        help="tokens in a training sequence (%(default)s)",
    )  # fmt: skip
    options.add_argument(
        "--part-mib", type=count(1, 1024), default=32, metavar="N",
        help="input that one task takes, in MiB (%(default)s)",
    )  # fmt: skip
    options.add_argument(
        "--workers", type=count(1), default=os.cpu_count() or 1, metavar="N",
        help="processes on this machine (%(default)s)",
    )  # fmt: skip
    options.add_argument(
        "--of", type=count(1), default=1, metavar="N", help="how many pods share the work"
    )
    options.add_argument(
        "--index", type=count(0), metavar="I",
        help="which of them this is, from 0; in an indexed Job JOB_COMPLETION_INDEX tells",
    )  # fmt: skip
    return options


def main(argv: Sequence[str] | None = None) -> int:
    return run("prepare", lambda: work(parser().parse_args(argv)))


def work(options: Namespace) -> None:
    """Prepare what the options say; one pod of several does its share."""
    settings = settings_of(options)
    if options.input:
        given = find_files(options.input, settings.part_bytes)
    else:
        given = tell_stories(
            options.stories, options.seed, settings.part_bytes, noisy=options.noise
        )
    out = open_folder(options.out)
    share = Share(index=own_index(options.index, options.of, os.environ), of=options.of)
    with Executor(out.folder(WORK).uri, workers=options.workers, share=share) as executor:
        dataset = prepare(given, out, settings, executor)
    if share.index == 0:
        out.write(REPORT, render(dataset, executor.phases, workers=options.workers))
    print(
        f"{dataset.documents:,} documents, {dataset.tokens:,} tokens, {dataset.sequences:,}"
        f" sequences of {dataset.sequence_length} in {options.out}"
    )


def settings_of(options: Namespace) -> Settings:
    """The options that the bytes depend on."""
    rules, marks = read_tokenizer(options.tokenizer) if options.tokenizer else (None, ("", ""))
    return Settings(
        vocabulary=options.vocabulary,
        sequence_length=options.sequence_length,
        text_key=options.text_key,
        skip=tuple(sorted(set(options.skip))),
        part_bytes=options.part_mib << 20,
        sample_bytes=options.sample_mib << 20,
        tokenizer=rules,
        marks=marks,
    )


if __name__ == "__main__":
    end(main)
