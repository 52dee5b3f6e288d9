import json

import pytest

from workloads.artefacts.model import read_model
from workloads.command import InputError
from workloads.files import open_folder
from workloads.hugging_face import config_json
from workloads.llama import sized

CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "num_attention_heads": 4,
    "max_position_embeddings": 256,
    "torch_dtype": "bfloat16",
    "eos_token_id": [7, 8],
}


def write(path, config=CONFIG, **files):
    path.mkdir(exist_ok=True)
    (path / "config.json").write_text(json.dumps(config))
    for name, text in files.items():
        (path / name).write_text(text)
    return read_model(open_folder(str(path)), lambda text: None)


def test_a_model_is_described(tmp_path):
    model = write(tmp_path / "m", weights="abc")

    assert (model.kind, model.model_type, model.heads, model.context) == (
        "decoder", "llama", 4, 256,
    )  # fmt: skip
    assert (model.dtype, model.pad_token) == ("bfloat16", 7)
    assert model.size == len(json.dumps(CONFIG)) + 3


def test_what_the_export_writes_is_described(tmp_path):
    table = config_json(sized("tiny", vocabulary=400, context=32), begin_token=1, end_token=2)

    model = write(tmp_path / "m", table)

    assert (model.kind, model.dtype, model.context, model.pad_token) == (
        "decoder",
        "float32",
        32,
        2,
    )


def test_the_revision_is_in_every_byte_and_name(tmp_path):
    first = write(tmp_path / "a", w="abc")

    assert write(tmp_path / "b", w="abc").sha256 == first.sha256
    assert write(tmp_path / "c", w="abd").sha256 != first.sha256
    assert write(tmp_path / "d", v="abc").sha256 != first.sha256
    assert (
        write(tmp_path / "e", {**CONFIG, "num_attention_heads": 8}, w="abc").sha256 != first.sha256
    )


def test_a_text_beside_the_model_is_no_revision(tmp_path):
    plain = write(tmp_path / "a", w="abc")
    (tmp_path / "a" / "README.md").write_text("news")

    assert read_model(open_folder(str(tmp_path / "a")), lambda text: None).sha256 == plain.sha256


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({}, "does not say 'architectures'"),
        ({**CONFIG, "num_attention_heads": None}, "only transformers that say"),
        ({**CONFIG, "architectures": []}, "only transformers that say"),
        ([], "is not a model's configuration"),
    ],
)
def test_what_is_no_transformer_is_refused(tmp_path, config, said):
    with pytest.raises(InputError, match=said):
        write(tmp_path / "m", config)


def test_a_folder_without_configuration_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"has no config\.json; export one first"):
        read_model(open_folder(str(tmp_path)), lambda text: None)
