"""Folders that could be deployed, and the control planes they are deployed to."""

import json
from pathlib import Path

import pytest
import torch

from workloads.artefacts import store
from workloads.artefacts.key import serving_key
from workloads.artefacts.model import read_model
from workloads.artefacts.toolchain import toolchain
from workloads.deploy.__main__ import main
from workloads.files import open_folder
from workloads.hugging_face import config_json, weights_file
from workloads.llama import Llama, sized

CONFIG = sized("micro", vocabulary=64, context=32)


@pytest.fixture
def folder(tmp_path) -> Path:
    """A Hugging Face folder as export writes it, of untrained weights."""
    path = tmp_path / "model"
    path.mkdir()
    torch.manual_seed(0)
    (path / "model.safetensors").write_bytes(weights_file(Llama(CONFIG).state_dict()))
    described = config_json(CONFIG, begin_token=0, end_token=1)
    (path / "config.json").write_text(json.dumps(described))
    (path / "tokenizer.json").write_text("{}")
    (path / "tokenizer_config.json").write_text('{"chat_template": "x"}')
    return path


@pytest.fixture
def exported(folder) -> Path:
    """The same, as optimum-cli writes it for one Inferentia2 chip."""
    (folder / "checkpoint").mkdir()
    (folder / "model.safetensors").rename(folder / "checkpoint" / "model.safetensors")
    (folder / "model.pt").write_bytes(b"graphs")
    config = {
        "optimum_neuron_version": "0.4.5",
        "neuronxcc_version": "2.21.33363.0",
        "target": "inf2",
        "tp_degree": 2,
        "checkpoint_id": None,
    }
    (folder / "neuron_config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture
def published(folder, bucket) -> str:
    """The model, where pods fetch it from."""
    assert main(["upload", "--model", str(folder), "--to", f"{bucket}/tiny"]) == 0
    return f"{bucket}/tiny"


@pytest.fixture
def compiled(published, bucket, tmp_path) -> str:
    """A cache with what stands for the model's graphs on one Inferentia2 chip."""
    key = serving_key(
        toolchain("inf2.xlarge", "serve"), "inf2.xlarge", read_model(open_folder(published), print)
    )
    source = tmp_path / "compiled"
    source.mkdir()
    (source / "model.pt").write_bytes(b"graphs")
    store.publish(open_folder(f"{bucket}/cache"), key, source, made_with={})
    return f"{bucket}/cache"
