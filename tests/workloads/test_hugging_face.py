import json
from dataclasses import asdict, replace

import pytest
import safetensors.torch
import torch

from workloads.command import InputError
from workloads.hugging_face import config_json, read_config, read_model, weights_file
from workloads.llama import Llama, RopeScaling, config_of, sized

CONFIG = replace(sized("micro", vocabulary=50, context=24), rope_theta=123_456.0)
# meta-llama/Llama-3.1-8B, config.json
LLAMA3_OF_31 = {
    "factor": 8.0,
    "high_freq_factor": 4.0,
    "low_freq_factor": 1.0,
    "original_max_position_embeddings": 8192,
    "rope_type": "llama3",
}


def write(folder, **changes) -> dict:
    table = config_json(CONFIG, begin_token=0, end_token=1) | changes
    folder.joinpath("config.json").write_text(
        json.dumps({k: v for k, v in table.items() if v != ...})
    )
    return table


def test_config_json_is_what_transformers_calls_a_llama():
    """Checked against transformers 4.57.6 and 5.23.0: both load it and compute our logits."""
    assert config_json(CONFIG, begin_token=0, end_token=1) == {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 16,
        "hidden_act": "silu",
        "rms_norm_eps": 1e-5,
        "max_position_embeddings": 24,
        "vocab_size": 50,
        "tie_word_embeddings": True,
        "attention_bias": False,
        "mlp_bias": False,
        "rope_theta": 123_456.0,
        "rope_parameters": {"rope_theta": 123_456.0, "rope_type": "default"},
        "bos_token_id": 0,
        "eos_token_id": 1,
        "pad_token_id": 1,
        "dtype": "float32",
        "torch_dtype": "float32",
    }


def test_the_parameters_have_hugging_faces_names():
    layer = "model.layers.0."
    assert set(Llama(replace(CONFIG, tied=False)).state_dict()) == {
        "model.embed_tokens.weight",
        layer + "input_layernorm.weight",
        layer + "self_attn.q_proj.weight",
        layer + "self_attn.k_proj.weight",
        layer + "self_attn.v_proj.weight",
        layer + "self_attn.o_proj.weight",
        layer + "post_attention_layernorm.weight",
        layer + "mlp.gate_proj.weight",
        layer + "mlp.up_proj.weight",
        layer + "mlp.down_proj.weight",
        "model.norm.weight",
        "lm_head.weight",
    }


def test_scaled_rotations_are_spelled_as_both_transformers_read_them():
    scaling = RopeScaling(factor=8.0, low_frequency=1.0, high_frequency=4.0, first_context=8192)

    table = config_json(replace(CONFIG, rope_scaling=scaling), begin_token=0, end_token=1)

    assert table["rope_scaling"] == LLAMA3_OF_31
    assert table["rope_parameters"] == LLAMA3_OF_31 | {"rope_theta": 123_456.0}


@pytest.mark.parametrize(
    "changes",
    [
        {"rope_scaling": LLAMA3_OF_31, "rope_parameters": ...},  # as transformers 4 writes it
        {"rope_parameters": LLAMA3_OF_31 | {"rope_theta": 123_456.0}, "rope_theta": ...},  # 5
    ],
)
def test_scaled_rotations_of_either_spelling_are_read(tmp_path, changes):
    write(tmp_path, **changes)

    config = read_config(tmp_path)

    assert config.rope_theta == 123_456.0
    assert config.rope_scaling == RopeScaling(
        factor=8.0, low_frequency=1.0, high_frequency=4.0, first_context=8192
    )
    assert config_of(asdict(config)) == config


@pytest.mark.parametrize("tied", [True, False])
def test_a_model_comes_back_from_its_folder(tmp_path, tied):
    config = replace(CONFIG, tied=tied)
    model = Llama(config)
    model.initialise(5)
    table = config_json(config, begin_token=0, end_token=1)
    (tmp_path / "config.json").write_text(json.dumps(table))
    (tmp_path / "model.safetensors").write_bytes(weights_file(model.state_dict()))

    read = read_model(tmp_path)

    assert read.config == config
    tokens = torch.arange(24)[None]
    assert torch.equal(read(tokens), model(tokens))
    with safetensors.safe_open(tmp_path / "model.safetensors", "pt") as file:
        assert file.metadata() == {"format": "pt"}  # transformers 4 refuses a file without


@pytest.mark.parametrize(
    "changes",
    [
        {"rope_parameters": ...},  # as transformers 4 writes it
        {"rope_theta": ...},  # as transformers 5 writes it
        {"head_dim": ...},
        {"dtype": ..., "hidden_act": ..., "mlp_bias": ...},
    ],
)
def test_folders_of_other_versions_are_read_alike(tmp_path, changes):
    write(tmp_path, **changes)

    assert read_config(tmp_path) == CONFIG


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"model_type": "mixtral"}, "model_type is 'mixtral'; this server knows 'llama'"),
        ({"attention_bias": True}, "attention_bias is True"),
        ({"hidden_act": "gelu"}, "hidden_act is 'gelu'"),
        ({"rope_scaling": {"type": "yarn"}, "rope_parameters": ...}, "rope_type is 'yarn'"),
        (
            {"rope_scaling": {"rope_type": "llama3", "factor": 8.0}, "rope_parameters": ...},
            "llama3 lacks low_freq_factor",
        ),
        ({"rope_scaling": LLAMA3_OF_31}, "rope_scaling and rope_parameters disagree"),
        ({"rope_theta": 10_000.0}, "rope_theta and rope_parameters disagree"),
        ({"hidden_size": ..., "head_dim": ...}, "lacks hidden_size"),
        ({"vocab_size": ...}, "lacks vocab_size"),
    ],
)
def test_another_architecture_is_refused_in_a_sentence(tmp_path, changes, sentence):
    write(tmp_path, **changes)

    with pytest.raises(InputError, match=sentence):
        read_config(tmp_path)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(None, "does not exist"), (b"", "does not fit"), (b"x" * 100, "does not fit")],
)
def test_weights_that_are_none_are_a_sentence(tmp_path, content, sentence):
    write(tmp_path)
    if content is not None:
        (tmp_path / "model.safetensors").write_bytes(content)

    with pytest.raises(InputError, match=f"model.safetensors {sentence}"):
        read_model(tmp_path)


def test_weights_of_another_size_are_a_sentence(tmp_path):
    write(tmp_path)
    other = Llama(sized("tiny", vocabulary=50, context=24))
    (tmp_path / "model.safetensors").write_bytes(weights_file(other.state_dict()))

    with pytest.raises(InputError, match=r"does not fit .*size mismatch"):
        read_model(tmp_path)


@pytest.mark.parametrize(
    ("text", "sentence"), [("", "is not a JSON object"), ("[1]", "is not a JSON object")]
)
def test_a_config_that_is_none_is_a_sentence(tmp_path, text, sentence):
    (tmp_path / "config.json").write_text(text)

    with pytest.raises(InputError, match=sentence):
        read_config(tmp_path)
