"""A model in Hugging Face's form goes in, is trained on, and comes out in the same form."""

import json
import shutil
from pathlib import Path

import pytest
import safetensors.torch
import torch

from workloads.export.__main__ import main as export
from workloads.hugging_face import read_config, read_model
from workloads.prepare.__main__ import main as prepare
from workloads.train.__main__ import main

OPTIONS = ("--steps", "12", "--batch", "4", "--learning-rate", "1e-4", "--checkpoint-every", "6")


@pytest.fixture
def pretrained(model, tmp_path) -> Path:
    """The exported model as somebody else would publish it: in two files, with another rotation
    that is spelled as transformers 5 does, and a chat template of its own."""
    folder = tmp_path / "pretrained"
    shutil.copytree(model, folder)
    config = json.loads((folder / "config.json").read_text())
    del config["rope_theta"]
    config["rope_parameters"]["rope_theta"] = 100_000.0
    config["max_position_embeddings"] = 64  # more than the data's sequences
    (folder / "config.json").write_text(json.dumps(config))
    tokenizer = json.loads((folder / "tokenizer_config.json").read_text())
    tokenizer["chat_template"] = "{{ messages[0]['content'] }}"
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer))
    whole = safetensors.torch.load_file(folder / "model.safetensors")
    names, places = sorted(whole), {}
    for part in range(2):
        file = f"model-0000{part + 1}-of-00002.safetensors"
        tensors = {name: whole[name].to(torch.bfloat16) for name in names[part::2]}
        safetensors.torch.save_file(tensors, folder / file, metadata={"format": "pt"})
        places |= dict.fromkeys(tensors, file)
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    return folder


def losses(run: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (run / "metrics.jsonl").read_text().splitlines()]


def test_a_published_model_is_fine_tuned_and_exported(pretrained, data, tmp_path, trained):
    run, out = tmp_path / "run", tmp_path / "out"
    options = ["--data", str(data), "--out", str(run), "--model", str(pretrained), *OPTIONS]

    assert main(options) == 0
    assert losses(run)[0] < losses(trained)[0] - 0.5  # not from the beginning
    shutil.rmtree(run / "checkpoints" / "step-00000012")
    before = losses(run)
    assert main(options) == 0  # from step 6, and not from what it began with
    assert losses(run) == before

    assert export(["--run", str(run), "--data", str(data), "--out", str(out)]) == 0
    config = json.loads((out / "config.json").read_text())
    assert config["rope_theta"] == config["rope_parameters"]["rope_theta"] == 100_000.0
    assert read_config(out) == read_config(pretrained)
    tokenizer = json.loads((out / "tokenizer_config.json").read_text())
    assert tokenizer["chat_template"] == "{{ messages[0]['content'] }}"
    tokens = torch.arange(24)[None]
    with torch.no_grad():
        moved = (read_model(out)(tokens) - read_model(pretrained)(tokens)).abs().max()
    assert 0 < moved < 1


def test_a_model_that_changed_is_not_gone_on_with(pretrained, data, tmp_path, capsys):
    options = ["--data", str(data), "--out", str(tmp_path / "run"), "--model", str(pretrained)]
    options += ["--steps", "2", "--warmup-steps", "0"]
    assert main(options) == 0
    config = json.loads((pretrained / "config.json").read_text())
    (pretrained / "config.json").write_text(json.dumps(config | {"rms_norm_eps": 1e-6}))

    assert main(options) == 2
    assert "holds a run on another model than" in capsys.readouterr().err


def test_a_tokenizer_is_kept_to_the_byte_however_it_is_laid_out(pretrained, tmp_path):
    """Published ones are indented; the library would write them in one line."""
    rules = json.dumps(json.loads((pretrained / "tokenizer.json").read_text()), indent=2)
    (pretrained / "tokenizer.json").write_text(rules)
    data, run = str(tmp_path / "data"), str(tmp_path / "run")
    told = ["--stories", "60", "--tokenizer", str(pretrained), "--sequence-length", "32"]
    assert prepare([*told, "--out", data]) == 0

    options = ["--data", data, "--out", run, "--model", str(pretrained), *OPTIONS, "--steps", "1"]

    assert main(options) == 0
    assert (tmp_path / "data" / "tokenizer.json").read_text() == rules


def test_data_of_another_tokenizer_is_refused(pretrained, data, tmp_path, capsys):
    (pretrained / "tokenizer.json").write_text("{}")

    code = main(["--data", str(data), "--out", str(tmp_path / "run"), "--model", str(pretrained)])

    assert code == 2
    assert f"was not prepared with {pretrained}/tokenizer.json" in capsys.readouterr().err


def test_sequences_longer_than_the_model_s_are_refused(pretrained, data, tmp_path, capsys):
    config = json.loads((pretrained / "config.json").read_text())
    (pretrained / "config.json").write_text(json.dumps(config | {"max_position_embeddings": 16}))

    code = main(["--data", str(data), "--out", str(tmp_path / "run"), "--model", str(pretrained)])

    assert code == 2
    assert "attends to 16 tokens and the sequences of" in capsys.readouterr().err
