"""What a folder must be before it is sent anywhere."""

import json
import shutil
import struct

import pytest
import safetensors.torch
import torch

from tests.workloads.deploy.fakes import change
from workloads.command import InputError
from workloads.deploy.model import read_header, read_model
from workloads.hugging_face import read_model as load_model


def refusal(folder) -> str:
    with pytest.raises(InputError) as refused:
        read_model(folder)
    return str(refused.value)


def test_an_exported_folder_is_a_model(folder):
    model = read_model(folder)

    assert model.architecture == "LlamaForCausalLM"
    assert model.weights == ("model.safetensors",)
    assert model.parameters == sum(p.numel() for p in load_model(folder).parameters())


def test_what_export_really_writes_can_be_deployed(model):
    assert read_model(model).architecture == "LlamaForCausalLM"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"rope_theta": None}, "no rope_theta: "),
        ({"rope_parameters": None}, "no rope_parameters.rope_theta: "),
        ({"rope_theta": 5}, "rope_theta 5 and, in rope_parameters, 10000.0"),
        (
            {"rope_parameters": {"rope_type": "llama3", "rope_theta": 10000.0}},
            "by 'llama3' in rope_parameters only",
        ),
        ({"architectures": None}, "names no single architecture"),
        ({"architectures": ["A", "B"]}, "names no single architecture"),
    ],
)
def test_a_configuration_that_would_be_misread_is_refused(folder, values, said):
    change(folder / "config.json", **values)

    assert said in refusal(folder)


def test_an_architecture_without_rotation_needs_no_base(folder):
    change(folder / "config.json", model_type="gpt_bigcode", rope_theta=None, rope_parameters=None)

    assert read_model(folder).config["model_type"] == "gpt_bigcode"


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("tokenizer.json", "no tokenizer"),
        ("tokenizer_config.json", "no tokenizer_config.json"),
        ("model.safetensors", "no weights in safetensors"),
        ("config.json", "config.json does not exist"),
    ],
)
def test_a_missing_file_is_named(folder, missing, said):
    (folder / missing).unlink()

    assert said in refusal(folder)


def test_all_that_is_wrong_is_said_at_once(folder):
    (folder / "tokenizer.json").unlink()
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    change(folder / "config.json", rope_theta=None)

    said = refusal(folder)

    assert "no rope_theta" in said
    assert "no tokenizer" in said
    assert "(it has pytorch_model.bin)" in said


@pytest.mark.parametrize("cut", [0, 4, 40, -1])
def test_weights_that_were_cut_off_are_refused(folder, cut):
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:cut])

    assert "model.safetensors" in refusal(folder)


@pytest.mark.parametrize(
    "data", [b"\xff" * 64, struct.pack("<Q", 2) + b"{]", struct.pack("<Q", 4) + b"[{}]"]
)
def test_what_is_no_safetensors_file_is_refused(tmp_path, data):
    (tmp_path / "x").write_bytes(data)

    with pytest.raises(InputError, match="no safetensors file"):
        read_header(tmp_path / "x")


def test_weights_in_parts_are_one_model(folder):
    whole = safetensors.torch.load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    places = {}
    for index, (name, tensor) in enumerate(whole.items()):
        part = f"model-{index:05d}.safetensors"
        safetensors.torch.save_file({name: tensor}, folder / part)
        places[name] = part
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))

    assert read_model(folder).parameters == sum(tensor.numel() for tensor in whole.values())

    first, second, *_ = sorted(places.values())
    shutil.copy(folder / first, folder / second)
    assert f"{second} lacks " in refusal(folder)
    (folder / second).unlink()
    assert f"{second} does not exist" in refusal(folder)


def test_a_scalar_counts_as_one(tmp_path, folder):
    safetensors.torch.save_file({"x": torch.tensor(1.0)}, folder / "model.safetensors")

    assert read_model(folder).parameters == 1
