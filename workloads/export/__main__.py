"""Turn a run's last complete checkpoint into a Hugging Face folder.

python -m workloads.export --run run --data data --out model

Every file of the checkpoint is verified first. What is written loads in vLLM, in transformers, in
workloads.serve and through Bedrock's custom model import.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from workloads.command import Parser, end, run
from workloads.export.export import export
from workloads.files import open_folder


def parser() -> Parser:
    options = Parser(prog="python -m workloads.export", description=__doc__)
    options.add_argument("--run", required=True, metavar="URI", help="what train wrote")
    options.add_argument("--data", required=True, metavar="URI", help="what it was trained on")
    options.add_argument("--out", required=True, metavar="URI", help="a folder or s3://")
    return options


def main(argv: Sequence[str] | None = None) -> int:
    def work() -> None:
        options = parser().parse_args(argv)
        with tempfile.TemporaryDirectory(prefix="export-") as scratch:
            export(
                open_folder(options.run),
                open_folder(options.data),
                open_folder(options.out),
                scratch=Path(scratch),
            )

    return run("export", work)


if __name__ == "__main__":
    end(main)
