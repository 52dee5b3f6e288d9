"""The real server in a process of its own, on a model that was really trained."""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from openai import OpenAI

from operations.processes import Process
from tests.waiting import PATIENCE

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def server(model, tmp_path_factory) -> Iterator[str]:
    """The base URL of `python -m workloads.serve`."""
    log = tmp_path_factory.mktemp("serve") / "serve.log"
    command = [sys.executable, "-m", "workloads.serve", "--model", model, "--port", "0"]
    environment = dict(os.environ)
    with Process("serve", command, log=log, environment=environment, cwd=REPOSITORY) as process:
        served = re.compile(r"serving micro at (http://\S+/v1)\n")
        process.wait_until_ready(lambda: served.search(log.read_text()), timeout=PATIENCE)
        [url] = served.findall(log.read_text())
        yield url


@pytest.fixture(scope="session")
def client(server) -> OpenAI:
    return OpenAI(base_url=server, api_key="none", max_retries=0)
