"""The measure: the texts are in memory, and nothing is done but to call the tokenizer.

python -m benchmarks.prepare.bare TEXTS.jsonl TOKENIZER
"""

import json
import sys
import time
from pathlib import Path

from tokenizers import Tokenizer

BATCH = 1000


def main(texts: str, rules: str) -> None:
    """Print the tokens and the seconds."""
    tokenizer = Tokenizer.from_file(rules)
    rows = [json.loads(line)["text"] for line in Path(texts).read_bytes().splitlines()]
    began, cpu = time.perf_counter(), time.process_time()
    batches = [
        tokenizer.encode_batch_fast(rows[start : start + BATCH], add_special_tokens=False)
        for start in range(0, len(rows), BATCH)
    ]
    took, used = time.perf_counter() - began, time.process_time() - cpu
    tokens = sum(len(encoding.ids) for batch in batches for encoding in batch)
    print(json.dumps({"tokens": tokens, "documents": len(rows), "wall": took, "cpu": used}))


if __name__ == "__main__":
    main(*sys.argv[1:])
