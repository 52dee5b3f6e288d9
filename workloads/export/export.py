"""From a sharded checkpoint to one file of weights, with its configuration and tokenizer."""

import hashlib
import json
import warnings
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from torch.distributed.checkpoint.state_dict_loader import load

from workloads import checkpoints
from workloads.command import InputError, progress
from workloads.dataset import TOKENIZER, read_dataset
from workloads.export.tokenizer import tokenizer_config
from workloads.files import Folder, open_folder
from workloads.hugging_face import (
    CONFIG,
    GENERATION_CONFIG,
    TOKENIZER_CONFIG,
    WEIGHTS,
    config_json,
    generation_json,
    weights_file,
)
from workloads.llama import SIZES, Llama, config_of

ORIGIN = "training.json"  # which run made this; no reader needs it
INHERITED = (
    TOKENIZER_CONFIG, GENERATION_CONFIG, "chat_template.jinja", "special_tokens_map.json"
)  # fmt: skip
TEMPERATURE = 0.6  # a small model's likely words are good and its unlikely ones are not


def export(run: Folder, data: Folder, out: Folder, *, scratch: Path) -> None:
    """Write the folder; config.json comes last, because readers look for it first."""
    dataset = read_dataset(data)
    checkpoint = checkpoints.newest(run, scratch, progress)
    if checkpoint is None:
        raise InputError(f"{run.uri} holds no complete checkpoint; train into it first")
    manifest = checkpoint.manifest
    if manifest.data_sha256 != dataset.sha256:
        raise InputError(f"{run.uri} was trained on other data than {data.uri}")
    rules = data.read(TOKENIZER)
    if hashlib.sha256(rules).hexdigest() != manifest.tokenizer_sha256:
        raise InputError(f"{data.uri}/{TOKENIZER} is not the one {run.uri} was trained with")

    config = config_of(manifest.model)
    model = Llama(config)
    weights = model.state_dict()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "torch.distributed is disabled")  # here on purpose
        load({"model": weights}, checkpoint_id=checkpoint.path, no_dist=True)
    out.delete(CONFIG)  # of an earlier export: it must not be seen beside these weights
    out.write(WEIGHTS, weights_file(weights))
    out.write(TOKENIZER, rules)
    tokenizer = Tokenizer.from_str(rules.decode())
    marks = {"begin_token": dataset.begin_token, "end_token": dataset.end_token}
    origin = {"step": manifest.step, "data_sha256": manifest.data_sha256} | manifest.settings
    files = {
        ORIGIN: _dump(origin),
        TOKENIZER_CONFIG: _dump(tokenizer_config(tokenizer, dataset)),
        GENERATION_CONFIG: _dump(generation_json(**marks, temperature=TEMPERATURE)),
        **_inherited(manifest.settings["model"]),
        CONFIG: _dump(config_json(config, **marks)),
    }
    for name, content in files.items():
        out.write(name, content)
    print(f"step {manifest.step} of {run.uri} in {out.uri}")


def _inherited(model: str) -> dict[str, bytes]:
    """What speaks for a model that was published: how its chats become text, how it is sampled.

    Nothing for fresh weights.
    """
    if model in SIZES:
        return {}
    folder = open_folder(model)
    if not folder.exists(TOKENIZER_CONFIG):
        raise InputError(
            f"{folder.uri}/{TOKENIZER_CONFIG} does not exist: the run began from this model, and"
            " what is exported takes its chat template"
        )
    return {name: folder.read(name) for name in INHERITED if folder.exists(name)}


def _dump(table: dict[str, Any]) -> bytes:
    return json.dumps(table, indent=2).encode() + b"\n"
