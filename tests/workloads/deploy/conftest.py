"""Folders that could be deployed, and the control planes they are deployed to."""

import json
from pathlib import Path

import pytest
import torch

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
