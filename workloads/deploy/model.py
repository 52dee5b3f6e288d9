"""A Hugging Face folder looked at before anything is uploaded or started for it.

What vLLM, SageMaker and Bedrock would refuse, or silently read wrongly, minutes and dollars later.
Needs no PyTorch: of the weights only the headers are read.
"""

import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workloads.command import InputError

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
TOKENIZER = ("tokenizer.json", "tokenizer.model")  # one of them
TOKENIZER_CONFIG = "tokenizer_config.json"
# Positions without a rotation: nothing to spell twice.
_NOT_ROTARY = ("t5", "gpt_bigcode")
# Weights in other forms, which execute code when they are loaded.
_PICKLES = (".bin", ".pt", ".pth", ".ckpt")
_LARGEST_HEADER = 100_000_000  # bytes; safetensors' own limit (README.md, "Format")


@dataclass(frozen=True, kw_only=True)
class Model:
    """A checked folder on this machine."""

    path: Path
    config: Mapping[str, Any]
    weights: tuple[str, ...]
    parameters: int

    @property
    def architecture(self) -> str:
        name: str = self.config["architectures"][0]
        return name


def read_model(path: Path) -> Model:
    """The folder's model; InputError tells everything that is wrong with it, at once."""
    config = read_table(path / CONFIG)
    problems = [*_config_problems(config)]
    if not any((path / name).is_file() for name in TOKENIZER):
        problems.append(f"it has no tokenizer: neither {' nor '.join(TOKENIZER)}")
    if not (path / TOKENIZER_CONFIG).is_file():
        problems.append(f"it has no {TOKENIZER_CONFIG}")
    parameters = 0
    weights: tuple[str, ...] = ()
    try:
        weights, parameters = _weights(path)
    except InputError as error:
        problems.append(str(error))
    if problems:
        raise InputError(f"{path} cannot be deployed: {'; '.join(problems)}")
    return Model(path=path, config=config, weights=weights, parameters=parameters)


def _config_problems(config: Mapping[str, Any]) -> Iterator[str]:
    named = config.get("architectures")
    if not (isinstance(named, list) and len(named) == 1 and isinstance(named[0], str)):
        yield f"{CONFIG} names no single architecture in architectures, such as LlamaForCausalLM"
    if config.get("model_type") in _NOT_ROTARY:
        return
    # transformers 5 reads rope_parameters; 4, which the Neuron images hold, reads rope_theta and
    # without it takes 10000 and says nothing.
    rope = config.get("rope_parameters")
    inner = rope.get("rope_theta") if isinstance(rope, dict) else None
    outer = config.get("rope_theta")
    if inner is None or outer is None:
        missing = "rope_theta" if outer is None else "rope_parameters.rope_theta"
        yield (
            f"{CONFIG} has no {missing}: one of the transformers versions that load it would take "
            "another base for the positions; write both spellings, as workloads.export does"
        )
    elif inner != outer:
        yield f"{CONFIG} says rope_theta {outer} and, in rope_parameters, {inner}"
    kind = rope.get("rope_type", "default") if isinstance(rope, dict) else "default"
    if kind != "default" and not config.get("rope_scaling"):
        yield (
            f"{CONFIG} scales positions by {kind!r} in rope_parameters only; transformers 4 reads "
            "that from rope_scaling"
        )


def _weights(path: Path) -> tuple[tuple[str, ...], int]:
    """The files of the weights and how many numbers they hold."""
    if (path / INDEX).is_file():
        placed = read_table(path / INDEX).get("weight_map")
        if not isinstance(placed, dict) or not placed:
            raise InputError(f"{INDEX} has no weight_map")
        names = sorted(set(placed.values()))
    elif (path / WEIGHTS).is_file():
        placed, names = {}, [WEIGHTS]
    else:
        pickles = [file.name for file in path.glob("*") if file.suffix in _PICKLES]
        found = f" (it has {', '.join(sorted(pickles))})" if pickles else ""
        raise InputError(f"it has no weights in safetensors: neither {WEIGHTS} nor {INDEX}{found}")
    parameters = 0
    for name in names:
        header = read_header(path / name)
        lost = sorted(key for key, file in placed.items() if file == name and key not in header)
        if lost:
            raise InputError(f"{name} lacks {lost[0]}, which {INDEX} places there")
        for tensor in header.values():
            count = 1
            for side in tensor["shape"]:
                count *= side
            parameters += count
    return tuple(names), parameters


def read_header(file: Path) -> dict[str, dict[str, Any]]:
    """The tensors a safetensors file declares; InputError unless it has exactly their bytes."""
    try:
        with file.open("rb") as stream:
            size = file.stat().st_size
            start = stream.read(8)
            length = struct.unpack("<Q", start)[0] if len(start) == 8 else _LARGEST_HEADER + 1
            if length > min(_LARGEST_HEADER, size):
                raise InputError(f"{file.name} is no safetensors file, or was cut off")
            header = json.loads(stream.read(length))
        header.pop("__metadata__", None)
        end = max((tensor["data_offsets"][1] for tensor in header.values()), default=0)
        declared = 8 + length + end
    except FileNotFoundError:
        raise InputError(f"{file.name} does not exist") from None
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        raise InputError(f"{file.name} is no safetensors file") from None
    if declared != size:
        raise InputError(f"{file.name} has {size} bytes, and its header declares {declared}")
    tensors: dict[str, dict[str, Any]] = header
    return tensors


def read_table(file: Path) -> dict[str, Any]:
    """A JSON object; InputError if the file has none."""
    try:
        table = json.loads(file.read_bytes())
    except FileNotFoundError:
        raise InputError(f"{file} does not exist") from None
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}") from None
    except ValueError:
        table = None
    if not isinstance(table, dict):
        raise InputError(f"{file} is not a JSON object")
    return table
