"""The one file that calls Neuron's compilers: runs inside a pinned image, on any CPU host.

    python neuron.py SCRATCH       # SCRATCH/work.json says what; the result is SCRATCH/out

Standard library and what the image holds, in Python 3.10 or newer, so that it can be copied into
any of the images; `environment` is what to start it with. No accelerator is needed: the target is
told, and nothing is loaded. Exit code 1 and one sentence when the compiler is not the one asked for
or wrote nothing. Not run on hardware.
"""

import json
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

PACKAGES = (
    "neuronx-cc", "torch", "torch-neuronx", "neuronx-distributed", "neuronx-distributed-inference",
    "libneuronxla", "optimum-neuron", "libtorch-neuronx-lite", "nki", "transformers", "vllm",
    "vllm-neuron",
)  # fmt: skip


def main(argv: list[str]) -> int:
    scratch = Path(argv[1])
    work = json.loads((scratch / "work.json").read_text())
    made_with = installed()
    found = made_with.get("neuronx-cc", "none")
    if found.split("+")[0] != work["compiler"]:
        print(f"neuron: this image has neuronx-cc {found} instead of {work['compiler']}; use"
              f" {work['image']}", file=sys.stderr)  # fmt: skip
        return 1
    out = scratch / "out"
    out.mkdir(exist_ok=True)
    ROUTES[work["route"]](work, out)
    if not any(file.is_file() for file in out.rglob(PRODUCTS[work["route"]])):
        print(f"neuron: the compiler ended well and wrote no {PRODUCTS[work['route']]}",
              file=sys.stderr)  # fmt: skip
        return 1
    (scratch / "made_with.json").write_text(json.dumps(made_with))
    return 0


def installed() -> dict[str, str]:
    """The versions of what a compilation depends on, by normalised name."""
    names = ((d.metadata["Name"] or "").lower().replace("_", "-") for d in distributions())
    seen = dict(zip(names, (d.version for d in distributions()), strict=True))
    return {name: seen[name] for name in PACKAGES if name in seen}


def environment(work: dict[str, Any], scratch: Path) -> dict[str, str]:
    """What the compilers and the frameworks above them read: for this file's own process."""
    told = {
        # Asked instead of the machine: nki/api/nki/__init__.py of aws-neuron-sdk; optimum-neuron,
        # guides/export_model.mdx. Must be there before anything of Neuron is imported.
        "NEURON_PLATFORM_TARGET_OVERRIDE": work["target"],
        # neuronx_distributed_inference/models/application_base.py: else below /tmp
        "BASE_COMPILE_WORK_DIR": f"{scratch}/compiler/",
        "HF_HUB_OFFLINE": "1",  # the model is here; nothing else may come in
    }
    if work["flags"]:
        told["NEURON_CC_FLAGS"] = " ".join(work["flags"])
    if work["lnc"]:
        told["NEURON_LOGICAL_NC_CONFIG"] = str(work["lnc"])
    if work["route"] == "graph-capture":
        # vllm-neuron/docs/design/compilation of aws-neuron-sdk: cpu_compilation.md and
        # compilation_cache.md. VLLM_CACHE_ROOT is the setting that works: aws-neuron-sdk#1368.
        told |= {
            "VLLM_NEURON_CPU_COMPILE": "1",
            "VLLM_CACHE_ROOT": f"{scratch}/out",
            "NEURON_LIBTORCH_PARALLEL_COMPILE_WORKERS": str(work["workers"]),
            "NEURON_LIBTORCH_COMPILATION_TIMEOUT": str(work["timeout_seconds"]),
            "VLLM_NO_USAGE_STATS": "1",
        }
    return told


def nxdi(work: dict[str, Any], out: Path) -> None:
    """A decoder for vLLM with NxD Inference, as vLLM's Neuron plugin would have it compiled.

    The plugin's defaults, vllm_neuron/worker/neuronx_distributed_model_loader.py: buckets, sampling
    on the device, continuous batches, no blocks. The weights go along, cut for each rank: what is
    loaded from NEURON_COMPILED_ARTIFACTS looks for them nowhere else. The model builder traces
    with cpu_backend=True (neuronx_distributed 2.28.0, trace/model_builder.py), so that no device is
    needed.
    """
    batch, length = str(work["batch"]), str(work["sequence_length"])
    command = [
        "inference_demo", "--model-type", work["model_type"], "--task-type", "causal-lm", "run",
        "--model-path", work["model"], "--compiled-model-path", str(out),
        "--torch-dtype", work["dtype"], "--tp-degree", str(work["tensor_parallel"]),
        "--batch-size", batch, "--ctx-batch-size", "1", "--tkg-batch-size", batch,
        "--seq-len", length, "--max-context-length", length, "--padding-side", "right",
        "--enable-bucketing", "--on-device-sampling", "--dynamic",
        "--pad-token-id", str(work["pad_token"]), "--prompt", "compile",
        "--save-sharded-checkpoint", "--compile-only",
    ]  # fmt: skip
    if work["batch"] > 1:
        command.append("--is-continuous-batching")
    subprocess.run(command, check=True)


def optimum(work: dict[str, Any], out: Path) -> None:
    """A decoder for Hugging Face's vLLM image, which serves the folder that this writes.

    On a host without devices --instance_type tells the target: guides/export_model.mdx. The dtype
    is that of the model's config.json. Weights from a folder go along, cut for each rank.
    """
    command = [
        "optimum-cli", "export", "neuron", "--model", work["model"], "--task", "text-generation",
        "--instance_type", work["target"], "--batch_size", str(work["batch"]),
        "--sequence_length", str(work["sequence_length"]),
        "--tensor_parallel_size", str(work["tensor_parallel"]), str(out),
    ]  # fmt: skip
    subprocess.run(command, check=True)


def graph_capture(work: dict[str, Any], out: Path) -> None:
    """The graphs of a decoder for vLLM's Neuron plugin on Trn2: its warm-up compiles them all."""
    from vllm import LLM

    LLM(
        model=work["model"],
        dtype=work["dtype"],
        tensor_parallel_size=work["tensor_parallel"],
        max_num_seqs=work["batch"],
        max_model_len=work["sequence_length"],
    )


def trace(work: dict[str, Any], out: Path) -> None:
    """An encoder as TorchScript: input_ids and attention_mask of int64 [batch, length] in, the
    last hidden state out. Weights are constants in it; traced graphs have no cache of their own
    (neuron-caching.rst). cpu_backend: api-torch-neuronx-trace.rst."""
    import torch
    import torch_neuronx
    from transformers import AutoModel, AutoTokenizer

    model = AutoModel.from_pretrained(work["model"], torchscript=True).eval()
    shape = (work["batch"], work["sequence_length"])
    example = (torch.zeros(shape, dtype=torch.int64), torch.ones(shape, dtype=torch.int64))
    flags = [f"--target={work['target']}", "--model-type=transformer", *work["flags"]]
    if work["dtype"] == "bfloat16":
        flags += ["--auto-cast=matmult", "--auto-cast-type=bf16"]
    traced = torch_neuronx.trace(
        model, example, compiler_args=flags, compiler_workdir=f"{out.parent}/compiler",
        cpu_backend=True,
    )  # fmt: skip
    torch.jit.save(traced, f"{out}/model.pt")
    model.config.save_pretrained(out)
    AutoTokenizer.from_pretrained(work["model"]).save_pretrained(out)


ROUTES = {"nxdi": nxdi, "optimum": optimum, "graph-capture": graph_capture, "trace": trace}
# What each must have written, besides configurations.
PRODUCTS = {
    "nxdi": "model.pt",
    "optimum": "model.pt",
    "graph-capture": "compile_cache/**/*",
    "trace": "model.pt",
}

if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv))
    except subprocess.CalledProcessError as error:
        print(f"neuron: {error.cmd[0]} failed with exit code {error.returncode}", file=sys.stderr)
        sys.exit(1)
    except FileNotFoundError as error:
        print(f"neuron: this image has no {error.filename}", file=sys.stderr)
        sys.exit(1)
