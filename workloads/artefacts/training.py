"""The key of a training run's graphs, from the command that starts it."""

import hashlib
from pathlib import Path

from workloads.artefacts.key import Key, training_key
from workloads.artefacts.toolchain import toolchain
from workloads.command import InputError
from workloads.dataset import Dataset


def key_of_run(
    instance: str,
    *,
    nodes: int,
    options: tuple[str, ...],
    dataset: Dataset,
    flags: tuple[str, ...] = (),
) -> Key:
    """`options` are those of workloads.train. InputError: nothing is compiled for such a run."""
    return training_key(
        toolchain(instance, "train"),
        instance,
        nodes=nodes,
        options=table(options),
        vocabulary=dataset.vocabulary,
        sequence_length=dataset.sequence_length,
        code_sha256=training_code(),
        flags=flags,
    )


def table(words: tuple[str, ...]) -> dict[str, str]:
    """`--name value`, `--name=value` and `--name` as a table without dashes; InputError."""
    table: dict[str, str] = {}
    name = ""
    for word in words:
        if word.startswith("--"):
            name, _, value = word[2:].partition("=")
            table[name] = value
        elif not name or table[name]:
            raise InputError(f"{word!r} is no option of training: give --name value after --")
        else:
            table[name] = word
    return table


def training_code() -> str:
    """SHA-256 of the code whose graphs are collected: a change may be one of them."""
    here = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for file in sorted([here / "llama.py", *(here / "train").glob("*.py")]):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()
