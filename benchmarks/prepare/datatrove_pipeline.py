"""The same work with datatrove: its filters, PII, MinHash deduplication and tokenizer.

DATATROVE_PYTHON benchmarks/prepare/datatrove_pipeline.py TEXTS.jsonl TOKENIZER

Run by the interpreter of requirements.txt beside this file, in one process. Its rules of English
(stop words) are off, its thresholds are ours, and it has no exact deduplication to do before.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup.minhash import (
    MinhashConfig,
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupFilter,
    MinhashDedupSignature,
)
from datatrove.pipeline.filters import (
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
)
from datatrove.pipeline.formatters import PIIFormatter
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.tokens import DocumentTokenizer
from datatrove.pipeline.writers.jsonl import JsonlWriter

END = "<|end|>"


def main(texts: str, tokenizer: str) -> None:
    """Print the tokens and the seconds."""
    source = Path(texts)
    config = MinhashConfig(n_grams=5, num_buckets=14, hashes_per_bucket=8)
    with tempfile.TemporaryDirectory() as folder:
        began, cpu = time.perf_counter(), time.process_time()

        def run(name: str, tasks: int, *steps: object) -> None:
            LocalPipelineExecutor(
                list(steps), tasks=tasks, workers=1, logging_dir=f"{folder}/logs/{name}"
            ).run()

        run(
            "clean",
            1,
            JsonlReader(str(source.parent), glob_pattern=source.name),
            GopherQualityFilter(min_stop_words=0),
            GopherRepetitionFilter(),
            FineWebQualityFilter(char_duplicates_ratio=0.1),
            PIIFormatter(),
            JsonlWriter(f"{folder}/clean", compression=None),
        )
        cleaned = JsonlReader(f"{folder}/clean")
        run("sign", 1, cleaned, MinhashDedupSignature(f"{folder}/signatures", config=config))
        run(
            "match",
            config.num_buckets,
            MinhashDedupBuckets(f"{folder}/signatures", f"{folder}/buckets", config=config),
        )
        run("group", 1, MinhashDedupCluster(f"{folder}/buckets", f"{folder}/remove", config=config))
        run(
            "tokens",
            1,
            cleaned,
            MinhashDedupFilter(f"{folder}/remove"),
            DocumentTokenizer(
                f"{folder}/tokens",
                tokenizer,
                eos_token=END,
                shuffle_documents=False,
                local_working_dir=f"{folder}/local",
            ),
        )
        took, used = time.perf_counter() - began, time.process_time() - cpu
        size = sum(file.stat().st_size for file in Path(folder, "tokens").glob("*.ds"))
        ends = sum(file.stat().st_size for file in Path(folder, "tokens").glob("*.ds.index"))
    print(json.dumps({"tokens": size // 2, "documents": ends // 8, "wall": took, "cpu": used}))


if __name__ == "__main__":
    main(*sys.argv[1:])
