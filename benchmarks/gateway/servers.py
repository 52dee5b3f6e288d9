"""The servers that are compared, each a process on the core it is given.

They inherit the environment, in which `AWS` and `LITELLM_LIGHT` must stand.
"""

import contextlib
import hashlib
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

DELTAS = 32
PROMPT = "Summarise why a small, well tested gateway is easier to trust than a large one. " * 4
KEY, OTHER_KEY = "sk-benchmark", "sk-other"
CONFIG = """
[[models]]
name = "nova"
bedrock = "amazon.nova-lite-v1:0"
price = { input = 0.06, output = 0.24 }
[[models]]
name = "slow"
bedrock = "amazon.slow-v1:0"
price = { input = 0.06, output = 0.24 }
""" + "".join(
    f"""
[[tenants]]
name = "{name}"
key_sha256 = "{hashlib.sha256(key.encode()).hexdigest()}"
requests_per_minute = 1000000000
tokens_per_minute = 1000000000000
monthly_budget_usd = 1000000.0
"""
    for name, key in (("benchmark", KEY), ("other", OTHER_KEY))
)
AWS = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-2"}
# As light as LiteLLM's proxy goes: one worker, no database, no callbacks, no price list fetched.
LITELLM_LIGHT = {"LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True", "NO_DOCS": "True"}
LITELLM_START_SECONDS = 180


def request(stream: bool, *, model: str = "nova", key: str = KEY, max_tokens: int = 256) -> bytes:
    """One chat completion to ask for, as bytes on the wire."""
    body = {
        "model": model,
        "messages": [{"role": "user", "content": PROMPT}],
        "max_tokens": max_tokens,
        "stream": stream,
    }
    return post("/v1/chat/completions", body, f"authorization: Bearer {key}\r\n")


def direct_request(stream: bool) -> bytes:
    """The same question, put to the fake Bedrock itself."""
    body = {
        "messages": [{"role": "user", "content": [{"text": PROMPT}]}],
        "inferenceConfig": {"maxTokens": 256},
    }
    return post(f"/model/amazon.nova-lite-v1%3A0/converse{'-stream' if stream else ''}", body)


def post(path: str, content: Mapping[str, object], headers: str = "") -> bytes:
    """A request as bytes."""
    body = json.dumps(content).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nhost: localhost\r\n{headers}"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


@contextlib.contextmanager
def server(core: int, *command: str) -> Iterator[tuple[int, int]]:
    """A Python module as a process on one core; its port and process id.

    The port is the last number of the first line it prints.
    """
    command_line = [sys.executable, "-m", *command]
    with _process(core, command_line, subprocess.PIPE) as process:
        assert process.stdout is not None
        yield int(re.findall(r"\d+", process.stdout.readline())[-1]), process.pid


@contextlib.contextmanager
def litellm(core: int, python: str, bedrock: str, folder: Path) -> Iterator[tuple[int, int]]:
    """LiteLLM's proxy from the environment of the interpreter `python`, in front of `bedrock`."""
    parameters = {
        "model": "bedrock/converse/amazon.nova-lite-v1:0",
        "aws_access_key_id": AWS["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": AWS["AWS_SECRET_ACCESS_KEY"],
        "aws_region_name": AWS["AWS_REGION"],
        "aws_bedrock_runtime_endpoint": bedrock,
    }
    config = folder / "litellm.json"  # JSON is YAML
    models = [{"model_name": "nova", "litellm_params": parameters}]
    settings = {"master_key": KEY}
    config.write_text(json.dumps({"model_list": models, "general_settings": settings}))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [python, "-c", "from litellm import run_server; run_server()"]
    options = ["--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
    command_line = [*command, *options, "--num_workers", "1"]
    with _process(core, command_line, subprocess.DEVNULL) as process:
        _wait(f"http://127.0.0.1:{port}/health/liveliness", process)
        yield port, process.pid


def _wait(url: str, process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + LITELLM_START_SECONDS
    while process.poll() is None and time.monotonic() < until:
        with contextlib.suppress(urllib.error.URLError, OSError), urllib.request.urlopen(url):
            return
        time.sleep(0.5)
    raise SystemExit("LiteLLM's proxy did not start; is the interpreter that of its environment?")


@contextlib.contextmanager
def _process(core: int, command: list[str], output: int) -> Iterator[subprocess.Popen[str]]:
    with (
        tempfile.TemporaryFile() as log,  # of every request: it is part of the work
        subprocess.Popen(
            command,
            stdout=output,
            stderr=output if output == subprocess.DEVNULL else log,
            text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, {core}),
        ) as process,
    ):
        try:
            yield process
        finally:
            process.kill()
