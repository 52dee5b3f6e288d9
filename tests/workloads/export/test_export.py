import json
import shutil

import pytest
import torch
from tokenizers import Tokenizer

from workloads.export.__main__ import main
from workloads.files import open_folder
from workloads.hugging_face import read_model
from workloads.serve.chat import ChatTemplate


def test_the_folder_is_complete(model):
    assert sorted(file.name for file in model.iterdir()) == [
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
        "training.json",
    ]


def test_the_exported_weights_are_the_trained_ones(model, trained, data):
    """The loss of the exported model on the last batch is near the last that training saw."""
    from workloads.dataset import read_dataset
    from workloads.train.data import Sequences, batch_numbers

    llama = read_model(model)
    sequences = Sequences(read_dataset(open_folder(str(data))), data)
    numbers = batch_numbers(count=len(sequences), seed=0, step=80, batch=4)
    rows = torch.from_numpy(sequences.rows(numbers))
    with torch.no_grad():
        logits = llama(rows[:, :-1]).flatten(0, 1)
    loss = float(torch.nn.functional.cross_entropy(logits, rows[:, 1:].flatten()))

    rows = (trained / "metrics.jsonl").read_text().splitlines()
    assert loss < json.loads(rows[-1])["loss"] + 0.01
    assert loss < 0.9 * json.loads(rows[0])["loss"]


def test_the_folder_tells_where_it_is_from(model, trained):
    manifest = trained / "checkpoints/step-00000080/MANIFEST.json"
    checkpoint = json.loads(manifest.read_text())

    assert json.loads((model / "training.json").read_text()) == {
        "step": 80,
        "data_sha256": checkpoint["data_sha256"],
        **checkpoint["settings"],
    }


def test_the_context_is_the_trained_length_and_the_marks_are_the_tokenizers(model):
    config = json.loads((model / "config.json").read_text())
    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    table = json.loads((model / "tokenizer_config.json").read_text())
    generation = json.loads((model / "generation_config.json").read_text())

    assert config["max_position_embeddings"] == table["model_max_length"] == 32
    assert config["vocab_size"] == tokenizer.get_vocab_size() == 400
    for mark in ("bos", "eos", "pad"):
        token = tokenizer.token_to_id(table[f"{mark}_token"])
        assert config[f"{mark}_token_id"] == generation[f"{mark}_token_id"] == token


def test_a_chat_becomes_a_training_storys_beginning(model):
    template = ChatTemplate(json.loads((model / "tokenizer_config.json").read_text()))

    assert template.render(
        [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": "Hello."},
            {"role": "assistant", "content": "Once."},
            {"role": "user", "content": "Tell me a story."},
        ]
    ) == ("<|begin|>Tell me a story.\n")


def test_an_export_goes_to_s3_as_to_a_folder(model, trained, data, bucket):
    code = main(["--run", str(trained), "--data", str(data), "--out", f"{bucket}/models/micro"])

    there = open_folder(f"{bucket}/models/micro")
    assert code == 0
    assert {name: there.read(name) for name in there.names()} == {
        file.name: file.read_bytes() for file in model.iterdir()
    }


def test_a_damaged_checkpoint_is_passed_over(trained, data, tmp_path, capsys):
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    shard = run / "checkpoints/step-00000080/__0_0.distcp"
    shard.write_bytes(shard.read_bytes()[:-1])

    code = main(["--run", str(run), "--data", str(data), "--out", str(tmp_path / "model")])

    printed = capsys.readouterr()
    assert code == 0
    assert "step-00000080/__0_0.distcp is damaged" in printed.err
    assert "step 70" in printed.out


def test_a_run_without_checkpoint_is_refused(data, tmp_path, capsys):
    code = main(["--run", str(tmp_path), "--data", str(data), "--out", str(tmp_path / "model")])

    assert code == 2
    assert capsys.readouterr().err == (
        f"export: {tmp_path} holds no complete checkpoint; train into it first\n"
    )


def test_other_data_than_the_runs_is_refused(trained, data, tmp_path, capsys):
    shutil.copytree(data, tmp_path / "data")
    file = tmp_path / "data" / "manifest.json"
    table = json.loads(file.read_text())
    file.write_text(json.dumps(table | {"documents": table["documents"] + 1}))

    code = main(["--run", str(trained), "--data", str(tmp_path / "data"), "--out", str(tmp_path)])

    assert code == 2
    assert "was trained on other data than" in capsys.readouterr().err


def test_another_tokenizer_than_the_runs_is_refused(trained, data, tmp_path, capsys):
    shutil.copytree(data, tmp_path / "data")
    file = tmp_path / "data" / "tokenizer.json"
    file.write_bytes(file.read_bytes() + b"\n")

    code = main(["--run", str(trained), "--data", str(tmp_path / "data"), "--out", str(tmp_path)])

    assert code == 2
    assert "tokenizer.json is not the one" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--run", "--data", "--out"])
def test_every_option_is_needed(capsys, option):
    options = {"--run": "a", "--data": "b", "--out": "c"}
    del options[option]

    assert main([part for pair in options.items() for part in pair]) == 2
    assert f"the following arguments are required: {option}" in capsys.readouterr().err
