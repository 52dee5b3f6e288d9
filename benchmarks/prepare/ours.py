"""All of prepare with a given tokenizer, from the file to the shards, in one process.

python -m benchmarks.prepare.ours TEXTS.jsonl TOKENIZER
"""

import json
import sys
import tempfile
import time

from workloads.files import open_folder
from workloads.prepare.build import WORK, prepare
from workloads.prepare.executor import Executor
from workloads.prepare.settings import Settings
from workloads.prepare.sources import find_files
from workloads.prepare.tokenizer import read_tokenizer


def main(texts: str, tokenizer: str) -> None:
    """Print the tokens and the seconds."""
    rules, marks = read_tokenizer(tokenizer)
    settings = Settings(tokenizer=rules, marks=marks, sequence_length=1024)
    with tempfile.TemporaryDirectory() as folder:
        began, cpu = time.perf_counter(), time.process_time()
        out = open_folder(folder)
        with Executor(out.folder(WORK).uri) as executor:
            given = find_files([texts], settings.part_bytes)
            dataset = prepare(given, out, settings, executor)
        took, used = time.perf_counter() - began, time.process_time() - cpu
    phases = {phase.name: round(phase.seconds, 2) for phase in executor.phases}
    print(json.dumps({"tokens": dataset.tokens, "documents": dataset.documents, "wall": took,
                      "cpu": used, "phases": phases}))  # fmt: skip


if __name__ == "__main__":
    main(*sys.argv[1:])
