"""A folder as `optimum-cli export neuron` writes it: what the SageMaker image loads.

Source: huggingface/optimum-neuron v0.4.5, optimum/neuron/configuration_utils.py and
models/inference/backend/pretrained_model.py. Not run on hardware.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from workloads.command import InputError
from workloads.deploy.model import read_header, read_table
from workloads.hardware import INSTANCES, Instance
from workloads.versions import VERSIONS

NEURON_CONFIG = "neuron_config.json"
_GRAPHS = "model.pt"
_CHECKPOINT = "checkpoint"


def check_export(path: Path, instance_type: str) -> None:
    """InputError tells everything for which an endpoint of this type, `ml.…`, would refuse it."""
    config = read_table(path / NEURON_CONFIG)
    hardware = INSTANCES[instance_type.removeprefix("ml.")]
    problems = [*_config_problems(config, hardware), *_file_problems(path)]
    if problems:
        raise InputError(f"{path} cannot be served by {instance_type}: {'; '.join(problems)}")


def _config_problems(config: Mapping[str, Any], hardware: Instance) -> Iterator[str]:
    wanted = VERSIONS.sagemaker.packages["optimum-neuron"]
    made = config.get("optimum_neuron_version")
    if made != wanted:
        yield f"it was exported by optimum-neuron {made}, and the image has {wanted}"
    target = config.get("target")
    chips = hardware.chip.compiler_target if hardware.chip else None
    if target != chips:
        yield f"it was compiled for {target}, and the chips are {chips}"
    cores = config.get("tp_degree")
    if not isinstance(cores, int) or not 0 < cores <= hardware.neuron_cores:
        yield f"it needs {cores} NeuronCores, and there are {hardware.neuron_cores}"
    if config.get("checkpoint_id"):
        yield (
            f"its weights are to come from the hub ({config['checkpoint_id']}), and the container "
            "has no network; export from a folder on disk"
        )


def _file_problems(path: Path) -> Iterator[str]:
    for name in ("config.json", "tokenizer_config.json", _GRAPHS):
        if not (path / name).is_file():
            yield f"{name} is missing"
    weights = sorted((path / _CHECKPOINT).rglob("*.safetensors"))
    if not weights:
        yield f"{_CHECKPOINT} has no weights in safetensors"
    for file in weights:
        try:
            read_header(file)
        except InputError as error:
            yield str(error)
