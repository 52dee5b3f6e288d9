"""How vLLM is started on Neuron: by which arguments and variables. Not run on hardware.

Two programs stand behind one name. On Inf2 and Trn1, vLLM with NxD Inference, which loads a model
traced for given shapes; on Trn2, vLLM's Neuron plugin, which has a cache of compiled graphs.
"""

from dataclasses import dataclass

from workloads.command import InputError
from workloads.hardware import Instance
from workloads.versions import VERSIONS

PORT = 8000
WEIGHTS, COMPILED, CACHE = "/model/weights", "/model/compiled", "/model/cache"
# Where the plugin looks for compiled graphs below VLLM_CACHE_ROOT: aws-neuron-sdk,
# vllm-neuron/docs/design/compilation/compilation_cache.md.
GRAPHS = f"{CACHE}/neuron/compile_cache"

_EVERYWHERE = {
    # Everything is in the pod: nothing is asked of Hugging Face's hub (huggingface_hub,
    # docs/source/en/package_reference/environment_variables.md), no usage is told (vLLM,
    # docs/usage/usage_stats.md).
    "HF_HUB_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
}


@dataclass(frozen=True, kw_only=True)
class Shapes:
    """What a model is compiled for; a server started with others would compile anew."""

    tensor_parallel: int  # NeuronCores, as the device plugin shows them, of one copy of the model
    context: int  # tokens of prompt and answer together
    sequences: int  # answered at once


@dataclass(frozen=True, kw_only=True)
class Server:
    """A container that serves one model."""

    image: str
    command: tuple[str, ...]
    environment: dict[str, str]
    artefacts: str  # the folder where it looks for what was compiled
    sealed: bool  # whether that folder is to be read-only


def server(name: str, hardware: Instance, shapes: Shapes) -> Server:
    """The family's server of a model called `name`. InputError: no such server is known."""
    stack = VERSIONS.neuron.get(hardware.family)
    use = stack.uses.get("serve") if stack else None
    if use is None or use.image is None:
        known = sorted(f for f, s in VERSIONS.neuron.items() if "serve" in s.images)
        raise InputError(
            f"{hardware.name}: no image that serves models is known for it, only for "
            f"{', '.join(known)} (workloads/versions.toml)"
        )
    common = (
        *("vllm", "serve", WEIGHTS, "--served-model-name", name),
        *("--host", "0.0.0.0", "--port", str(PORT)),
        *("--tensor-parallel-size", str(shapes.tensor_parallel)),
        *("--max-model-len", str(shapes.context), "--max-num-seqs", str(shapes.sequences)),
    )
    build = _nxd_inference if "neuronx-distributed-inference" in use.packages else _plugin
    return build(use.image, common, shapes)


def _nxd_inference(image: str, common: tuple[str, ...], shapes: Shapes) -> Server:
    """Source: aws-neuron-sdk, libraries/nxd-inference/developer_guides/vllm-user-guide-v1.rst.

    It has no switch that forbids compiling: what does not load is traced anew, which begins by
    writing a configuration into the folder (NxD Inference, models/application_base.py, compile).
    The folder is therefore read-only, and that fails at once.
    """
    return Server(
        image=image,
        # The block count must be that of the compiled model: without paging, one for each sequence
        # ("Known Issues" 2); chunked prefill is not supported (1).
        command=(
            *common,
            *("--num-gpu-blocks-override", str(shapes.sequences)),
            *("--no-enable-prefix-caching", "--no-enable-chunked-prefill"),
        ),
        environment=_EVERYWHERE
        | {
            "VLLM_NEURON_FRAMEWORK": "neuronx-distributed-inference",
            "NEURON_COMPILED_ARTIFACTS": COMPILED,
        },
        artefacts=COMPILED,
        sealed=True,
    )


def _plugin(image: str, common: tuple[str, ...], _: Shapes) -> Server:
    """Source: aws-neuron-sdk, vllm-neuron/docs/design/compilation/cpu_compilation.md.

    VLLM_CACHE_ROOT is what finds compiled graphs; the remote cache's variable was documented and
    did nothing (aws-neuron-sdk#1368).
    """
    return Server(
        image=image,
        command=common,
        environment=_EVERYWHERE
        | {
            "VLLM_CACHE_ROOT": CACHE,
            # Both together: a graph that is not in the cache ends the server, instead of hours.
            "VLLM_NEURON_DISABLE_WARMUP_COMPILE": "1",
            "NEURON_LIBTORCH_DISABLE_GRAPH_CAPTURE_BACKEND": "1",
            # Loading may take longer than vLLM waits: vllm-neuron/docs/tutorials.
            "VLLM_EXECUTE_MODEL_TIMEOUT_SECONDS": "1200",
            "VLLM_ENGINE_READY_TIMEOUT_S": "1800",
        },
        artefacts=GRAPHS,
        sealed=False,  # it takes locks there
    )
