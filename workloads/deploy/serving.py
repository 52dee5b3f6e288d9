"""How vLLM is started on Neuron with what was compiled for it. Not run on hardware.

Two programs stand behind one name. On Inf2 and Trn1, vLLM with NxD Inference, which loads a model
traced for given shapes; on Trn2, vLLM's Neuron plugin, which has a cache of compiled graphs.
"""

from dataclasses import dataclass

from workloads.artefacts.consumer import environment, vllm_options
from workloads.artefacts.key import Key
from workloads.command import InputError

PORT = 8000
WEIGHTS, COMPILED = "/model/weights", "/model/compiled"

_EVERYWHERE = {
    # Everything is in the pod: nothing is asked of Hugging Face's hub (huggingface_hub,
    # docs/source/en/package_reference/environment_variables.md), no usage is told (vLLM,
    # docs/usage/usage_stats.md).
    "HF_HUB_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
}
_OF_ROUTE = {
    # aws-neuron-sdk, vllm-neuron/docs/getting-started/migration-nxdi-to-vllm-neuron.md
    "nxdi": {"VLLM_NEURON_FRAMEWORK": "neuronx-distributed-inference"},
    # Loading may take longer than vLLM waits: aws-neuron-sdk, vllm-neuron/docs/tutorials.
    "graph-capture": {
        "VLLM_EXECUTE_MODEL_TIMEOUT_SECONDS": "1200",
        "VLLM_ENGINE_READY_TIMEOUT_S": "1800",
    },
}


@dataclass(frozen=True, kw_only=True)
class Server:
    """A container that serves one model.

    `sealed`: what was compiled is to be read-only. NxD Inference has no switch that forbids
    compiling: what does not load is traced anew, which begins by writing a configuration beside it
    (models/application_base.py, compile), and there that fails at once. The plugin takes locks in
    its cache, and has switches.
    """

    image: str
    command: tuple[str, ...]
    environment: dict[str, str]
    sealed: bool


def server(name: str, key: Key, image: str) -> Server:
    """The server of a model called `name`. InputError: vLLM does not serve what was compiled.

    The command leaves out the image's entry point, which would keep SIGTERM from vLLM:
    aws-neuron/deep-learning-containers, common/vllm_entrypoint.py.
    """
    if key.route not in _OF_ROUTE:
        raise InputError(f"vLLM serves decoders; this is compiled as {key.summary} ({key.route})")
    options = vllm_options(key)
    if key.route == "nxdi":
        # aws-neuron-sdk, libraries/nxd-inference/developer_guides/vllm-user-guide-v1.rst, "Known
        # Issues": the block count must be the compiled model's, which without blocks is one for
        # each sequence (2); chunked prefill is not supported (1).
        options += ["--num-gpu-blocks-override", str(key.batch), "--no-enable-chunked-prefill"]
    address = ("--host", "0.0.0.0", "--port", str(PORT))
    return Server(
        image=image,
        command=("vllm", "serve", WEIGHTS, "--served-model-name", name, *address, *options),
        environment=_EVERYWHERE | _OF_ROUTE[key.route] | environment(key, COMPILED),
        sealed=key.route == "nxdi",
    )
