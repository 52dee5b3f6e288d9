"""How a server or a training program is told of a fetched artefact. Not run on hardware."""

from workloads.artefacts.key import Key


def environment(key: Key, path: str) -> dict[str, str]:
    """The variables for the artefact in `path`, precompiled only wherever that can be asked."""
    match key.route:
        case "nxdi":
            # vllm_neuron/worker/neuronx_distributed_model_loader.py
            return {"NEURON_COMPILED_ARTIFACTS": path}
        case "optimum":
            # huggingface/optimum-neuron, docker/vllm/Dockerfile: the folder is the model
            return {"SM_ON_MODEL": path}
        case "graph-capture":
            # vllm-neuron/docs/design/compilation/cpu_compilation.md; a missing graph is an error
            return {
                "VLLM_CACHE_ROOT": path,
                "VLLM_NEURON_DISABLE_WARMUP_COMPILE": "1",
                "NEURON_LIBTORCH_DISABLE_GRAPH_CAPTURE_BACKEND": "1",
            }
        case "graphs":
            # neuron-caching.rst. It has no switch that forbids compiling: ask `require` before.
            return {"NEURON_COMPILE_CACHE_URL": path}
    return {}  # a traced encoder is loaded by whoever wants it


def vllm_options(key: Key) -> list[str]:
    """The options of vLLM that fit what was compiled: any other shape would be compiled anew."""
    options = [
        *("--tensor-parallel-size", f"{key.tensor_parallel}"),
        *("--max-num-seqs", f"{key.batch}", "--max-model-len", f"{key.sequence_length}"),
        *("--dtype", key.dtype),
    ]
    # On by default in vLLM 1, it wants a cache in blocks, which is another graph.
    return [*options, "--no-enable-prefix-caching"] if key.route == "nxdi" else options
