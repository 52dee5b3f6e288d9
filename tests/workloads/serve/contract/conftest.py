"""The servers that must behave alike: ours, and vLLM's where an interpreter that has it is named.

    VLLM_PYTHON=/venv/bin/python pytest tests/workloads/serve/contract

How such an environment is made: docs/operations.md, "The contract against vLLM".
"""

import os
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from openai import OpenAI

from operations.processes import Process
from tests.waiting import free_port

REPOSITORY = Path(__file__).parents[4]
VLLM_PYTHON = os.environ.get("VLLM_PYTHON")
SERVERS = ["ours", *(["vllm"] if VLLM_PYTHON else [])]
CONTEXT = 32  # of the session's data set


@dataclass(frozen=True)
class Served:
    """A server that is ready."""

    url: str  # without /v1
    model: str

    def client(self) -> OpenAI:
        return OpenAI(base_url=f"{self.url}/v1", api_key="none", max_retries=0)


@pytest.fixture(scope="session", params=SERVERS)
def served(request, tmp_path_factory) -> Iterator[Served]:
    if request.param == "ours":
        url, folder = map(request.getfixturevalue, ("server", "model"))
        yield Served(url=url.removesuffix("/v1"), model=folder.name)
        return
    folder, port = request.getfixturevalue("tiny_model"), str(free_port())
    command = vllm_command(folder, "--host", "127.0.0.1", "--port", port)
    # https://docs.vllm.ai/en/latest/getting_started/installation/cpu.html
    environment = os.environ | {
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
        "VLLM_NO_USAGE_STATS": "1",
        "HF_HUB_OFFLINE": "1",
    }
    log = tmp_path_factory.mktemp("contract") / "vllm.log"
    url = f"http://127.0.0.1:{port}"
    with Process("vllm", command, log=log, environment=environment, cwd=REPOSITORY) as one:
        one.wait_until_ready(lambda: healthy(url), timeout=1200)
        yield Served(url=url, model=folder.name)


def vllm_command(folder: Path, *address: str) -> list[str | Path]:
    """As the pods start it, but for what is the CPU's. `vllm serve` of that build does not start:
    it looks for a package called vllm."""
    assert VLLM_PYTHON is not None
    return [
        VLLM_PYTHON,
        *("-m", "vllm.entrypoints.openai.api_server", "--model", folder, *address),
        *("--served-model-name", folder.name, "--max-model-len", str(CONTEXT)),
        *("--dtype", "float32", "--enforce-eager", "--no-enable-prefix-caching"),
    ]


def healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory, data, launcher) -> Path:
    """A model whose heads are as wide as vLLM's kernels for CPUs want them."""
    from workloads.export.__main__ import main

    run = tmp_path_factory.mktemp("runs") / "tiny"
    launcher.run(
        *("--data", data, "--out", run, "--model", "tiny", "--steps", "60", "--batch", "4"),
        processes=1,
    )
    folder = tmp_path_factory.mktemp("models") / "tiny"
    assert main(["--run", str(run), "--data", str(data), "--out", str(folder)]) == 0
    return folder


@pytest.fixture
def client(served) -> OpenAI:
    return served.client()
