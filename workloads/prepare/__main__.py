"""Turn text into token shards to train on.

python -m workloads.prepare --stories 8000 --out data
python -m workloads.prepare --input book.txt notes/ s3://bucket/texts --out s3://bucket/tokens

Each file is one document; a folder stands for the .txt and .md files below it. --stories makes
its own text instead. The same input gives the same bytes.
"""

import sys
from collections.abc import Sequence

from workloads.command import Parser, count, run
from workloads.files import open_folder
from workloads.prepare.build import prepare
from workloads.prepare.text import read_files, tell_stories
from workloads.prepare.tokenizer import SMALLEST


def parser() -> Parser:
    options = Parser(prog="python -m workloads.prepare", description=__doc__)
    text = options.add_mutually_exclusive_group(required=True)
    text.add_argument("--input", nargs="+", metavar="FILE", help="text files, folders or s3://")
    text.add_argument("--stories", type=count(1), metavar="N", help="make N stories")
    options.add_argument("--seed", type=int, default=0, help="which stories (%(default)s)")
    options.add_argument("--out", required=True, metavar="URI", help="a folder or s3://")
    options.add_argument(
        "--vocabulary", type=count(SMALLEST), default=1024, metavar="N",
        help="tokens the tokenizer may learn (%(default)s)",
    )  # fmt: skip
    options.add_argument(
        "--sequence-length", type=count(8), default=256, metavar="N",
        help="tokens in a training sequence (%(default)s)",
    )  # fmt: skip
    return options


def main(argv: Sequence[str] | None = None) -> int:
    def work() -> None:
        options = parser().parse_args(argv)
        if options.input:
            text = read_files(options.input)
        else:
            text = tell_stories(options.stories, options.seed)
        made = prepare(
            text,
            open_folder(options.out),
            vocabulary=options.vocabulary,
            sequence_length=options.sequence_length,
        )
        print(
            f"{made.documents:,} documents, {made.tokens:,} tokens, {made.sequences:,} sequences"
            f" of {made.sequence_length} in {options.out}"
        )

    return run("prepare", work)


if __name__ == "__main__":
    sys.exit(main())
