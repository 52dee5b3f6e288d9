"""What a run begins from: fresh weights of a size, or the model in a Hugging Face folder."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from workloads.command import InputError
from workloads.dataset import Dataset, file_sha256
from workloads.files import Folder, open_folder
from workloads.hugging_face import CONFIG, TOKENIZER, read_config, read_model, weight_files
from workloads.llama import SIZES, Llama, LlamaConfig, sized
from workloads.train.host import Host
from workloads.train.settings import Settings


@dataclass(frozen=True)
class Start:
    """The architecture, the digest of the weights ("" for fresh ones), and how to get them."""

    config: LlamaConfig
    sha256: str
    make: Callable[[], Llama]


def open_start(settings: Settings, dataset: Dataset, host: Host, scratch: Path) -> Start:
    """What `--model` names; InputError if it is neither, or does not fit the data."""
    if settings.model in SIZES:
        config = sized(
            settings.model, vocabulary=dataset.vocabulary, context=dataset.sequence_length
        )
        return Start(config, "", lambda: _fresh(config, settings.seed))
    folder = open_folder(settings.model)
    if not folder.exists(CONFIG):
        raise InputError(
            f"--model {settings.model} is neither a size ({', '.join(SIZES)}) nor a folder with a"
            f" {CONFIG}"
        )
    path = folder.path or scratch / "model"
    if host.place.local_rank == 0:
        _download(folder, path)
    host.barrier()
    config = read_config(path)
    _check_fits(settings, dataset, config, path)
    digests = [file_sha256(path / name) or "" for name in (CONFIG, *weight_files(path))]
    digest = hashlib.sha256("".join(digests).encode()).hexdigest()
    return Start(config, digest, lambda: read_model(path).train())


def _fresh(config: LlamaConfig, seed: int) -> Llama:
    model = Llama(config)
    model.initialise(seed)
    return model


def _download(folder: Folder, path: Path) -> None:
    present = folder.names()
    wanted = [name for name in present if name.endswith((".json", ".safetensors"))]
    folder.download(wanted, path)


def _check_fits(settings: Settings, dataset: Dataset, config: LlamaConfig, path: Path) -> None:
    model, data = settings.model, settings.data
    if file_sha256(path / TOKENIZER) != dataset.tokenizer_sha256:
        raise InputError(
            f"{data} was not prepared with {model}/{TOKENIZER};"
            f" prepare it again with --tokenizer {model}"
        )
    if config.vocabulary < dataset.vocabulary:
        raise InputError(
            f"{model} has {config.vocabulary} tokens and {data} {dataset.vocabulary};"
            f" prepare it again with --tokenizer {model}"
        )
    if config.context < dataset.sequence_length:
        raise InputError(
            f"{model} attends to {config.context} tokens and the sequences of {data} have"
            f" {dataset.sequence_length}; prepare it again with --sequence-length"
            f" {config.context} or less"
        )
