"""The Hugging Face folder: the one format that export writes and that serve, vLLM, transformers
and Bedrock's model import read.

Parameter names are already Hugging Face's (workloads.llama); here are the files around them.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor

from workloads.command import InputError
from workloads.llama import Llama, LlamaConfig, RopeScaling

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"  # of weights in several files
TOKENIZER = "tokenizer.json"
TOKENIZER_CONFIG = "tokenizer_config.json"
GENERATION_CONFIG = "generation_config.json"

# config.json's key for each of ours
KEYS = {
    "vocabulary": "vocab_size",
    "context": "max_position_embeddings",
    "width": "hidden_size",
    "layers": "num_hidden_layers",
    "heads": "num_attention_heads",
    "kv_heads": "num_key_value_heads",
    "hidden": "intermediate_size",
    "head_width": "head_dim",
    "norm_epsilon": "rms_norm_eps",
    "tied": "tie_word_embeddings",
}
# the same for how rotations are scaled
LLAMA3 = "llama3"
SCALING = {
    "factor": "factor",
    "low_frequency": "low_freq_factor",
    "high_frequency": "high_freq_factor",
    "first_context": "original_max_position_embeddings",
}


def config_json(config: LlamaConfig, *, begin_token: int, end_token: int) -> dict[str, Any]:
    """config.json's content.

    The base of the rotary angles, and how they are scaled, stand in it twice: transformers 5 reads
    `rope_parameters`; transformers 4, which the Neuron images pin, reads `rope_theta` and
    `rope_scaling`, and without the first silently takes 10000.
    """
    ours = asdict(config)
    theta, scaling = ours.pop("rope_theta"), ours.pop("rope_scaling")
    scaled = {"rope_type": LLAMA3, **{SCALING[k]: v for k, v in scaling.items()}} if scaling else {}
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        **{KEYS[name]: value for name, value in ours.items()},
        "rope_theta": theta,
        "rope_parameters": {"rope_theta": theta, "rope_type": "default", **scaled},
        **({"rope_scaling": scaled} if scaled else {}),
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
        **_marks(begin_token, end_token),
        "dtype": "float32",
        "torch_dtype": "float32",  # the same, as transformers 4 names it
    }


def generation_json(*, begin_token: int, end_token: int, temperature: float) -> dict[str, Any]:
    """generation_config.json's content: what servers do when a request does not say."""
    return _marks(begin_token, end_token) | {"do_sample": True, "temperature": temperature}


def read_config(path: Path) -> LlamaConfig:
    """The architecture in a folder's config.json; InputError if it is not one of ours."""
    table = read_json(path / CONFIG)
    ropes = [table[name] for name in ("rope_parameters", "rope_scaling") if table.get(name)]
    rope = ropes[0] if ropes else {}
    fixed = {
        "model_type": (table.get("model_type"), "llama"),
        "hidden_act": (table.get("hidden_act", "silu"), "silu"),
        "attention_bias": (table.get("attention_bias", False), False),
        "mlp_bias": (table.get("mlp_bias", False), False),
    }
    for key, (value, known) in fixed.items():
        if value != known:
            raise InputError(f"{path / CONFIG}: {key} is {value!r}; this server knows {known!r}")
    theta = rope.get("rope_theta", table.get("rope_theta", 10_000.0))
    if table.get("rope_theta", theta) != theta:
        raise InputError(f"{path / CONFIG}: rope_theta and rope_parameters disagree")
    scalings = [_scaling(each, path) for each in ropes]
    if scalings and any(each != scalings[0] for each in scalings):
        raise InputError(f"{path / CONFIG}: rope_scaling and rope_parameters disagree")
    table.setdefault("num_key_value_heads", table.get("num_attention_heads"))
    table.setdefault("tie_word_embeddings", False)
    try:
        if table.get("head_dim") is None:
            table["head_dim"] = table["hidden_size"] // table["num_attention_heads"]
        ours = {name: table[key] for name, key in KEYS.items()}
    except KeyError as error:
        raise InputError(f"{path / CONFIG} lacks {error.args[0]}") from None
    scaling = scalings[0] if scalings else None
    return LlamaConfig(**ours, rope_theta=float(theta), rope_scaling=scaling)


def _scaling(rope: dict[str, Any], path: Path) -> RopeScaling | None:
    """How a table of config.json scales rotations; None: it does not."""
    kind = rope.get("rope_type", rope.get("type", "default"))
    if kind == "default":
        return None
    if kind != LLAMA3:
        raise InputError(
            f"{path / CONFIG}: rope_type is {kind!r}; this server knows 'default' and {LLAMA3!r}"
        )
    try:
        return RopeScaling(**{name: rope[key] for name, key in SCALING.items()})
    except KeyError as error:
        raise InputError(f"{path / CONFIG}: {LLAMA3} lacks {error.args[0]}") from None


def weights_file(tensors: dict[str, Tensor]) -> bytes:
    """model.safetensors' content; equal tensors give equal bytes."""
    return safetensors.torch.save(tensors, metadata={"format": "pt"})


def read_model(path: Path) -> Llama:
    """The model in a folder; InputError if the weights are not those of its config."""
    model = Llama(read_config(path))
    tensors: dict[str, Tensor] = {}
    for name in weight_files(path):
        file = path / name
        try:
            tensors |= safetensors.torch.load_file(file)
        except FileNotFoundError:
            raise InputError(f"{file} does not exist") from None
        except safetensors.SafetensorError as error:
            raise InputError(f"{file} does not fit {path / CONFIG}: {_line(error)}") from None
    if model.config.tied:
        tensors.pop("lm_head.weight", None)  # some write the embedding a second time
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise InputError(f"{path / WEIGHTS} does not fit {path / CONFIG}: {_line(error)}") from None
    return model.eval()


def weight_files(path: Path) -> list[str]:
    """The names of the files of weights: one, or those that an index beside them lists."""
    if not (path / INDEX).exists():
        return [WEIGHTS]
    places = read_json(path / INDEX).get("weight_map")
    if not isinstance(places, dict) or not places:
        raise InputError(f"{path / INDEX} has no weight_map")
    return sorted(set(places.values()))


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


def _marks(begin_token: int, end_token: int) -> dict[str, int]:
    return {"bos_token_id": begin_token, "eos_token_id": end_token, "pad_token_id": end_token}


def read_json(file: Path) -> dict[str, Any]:
    """A JSON object; InputError if the file has none."""
    try:
        table = json.loads(file.read_bytes())
    except FileNotFoundError:
        raise InputError(f"{file} does not exist") from None
    except ValueError:
        table = None
    if not isinstance(table, dict):
        raise InputError(f"{file} is not a JSON object")
    return table
