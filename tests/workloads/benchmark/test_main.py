"""The command as a user calls it, against the real server of a model that was really trained."""

import json
import os
import re
import sys
from pathlib import Path

import httpx2
import pytest

from operations.processes import Process
from tests.waiting import PATIENCE
from workloads.benchmark.__main__ import main

REPOSITORY = Path(__file__).parents[3]
SERVE = ("serve", "--url", "http://127.0.0.1:9/v1", "--model", "m", "--rates", "1")


@pytest.fixture(scope="module")
def server(model, tmp_path_factory):
    """The base URL of `python -m workloads.serve`."""
    log = tmp_path_factory.mktemp("serve") / "serve.log"
    command = [sys.executable, "-m", "workloads.serve", "--model", model, "--port", "0"]
    environment = dict(os.environ)
    with Process("serve", command, log=log, environment=environment, cwd=REPOSITORY) as process:

        def ready() -> bool:
            """It names its address first and listens a little later."""
            if not (found := re.search(r"serving micro at (http://\S+/v1)\n", log.read_text())):
                return False
            urls[:] = [found[1]]
            try:
                return httpx2.get(found[1].removesuffix("/v1") + "/health").status_code == 200
            except httpx2.TransportError:
                return False

        urls: list[str] = []
        process.wait_until_ready(ready, timeout=PATIENCE)
        yield urls[0]


def test_a_server_is_measured(server, tmp_path, capsys):
    command = [
        *("serve", "--url", server, "--model", "micro", "--rates", "8", "4"),
        *("--arrivals", "constant", "--seconds", "1", "--warmup", "0.5"),
        *("--prompt-tokens", "4", "--output-tokens", "6", "--body", '{"seed": 1}'),
        *("--usd-per-hour", "3.6", "--software", "this one", "--out", str(tmp_path)),
    ]

    assert main(command) == 0

    result = json.loads((tmp_path / "result.json").read_text())
    assert result["command"][3:] == command
    assert result["measured"]["software"] == "this one"
    assert "processors" in result["measured"]["hardware"]
    assert [rate["offered_per_second"] for rate in result["rates"]] == [4, 8]
    assert [rate["requests"] for rate in result["rates"]] == [4, 8]
    for rate in result["rates"]:
        assert rate["failures"].keys() <= {"no text"}  # a model may end its answer at once
        for name in ("time_to_first_token_ms", "end_to_end_ms"):
            values = rate[name]
            assert values["samples"] == rate["requests"]
            known = [value for value in (values["p50"], values["p90"], values["p99"]) if value]
            assert known == sorted(known)
            assert len(known) == 3 or rate["failures"]
        assert rate["output_tokens"] <= 6
        tokens = rate["output_tokens_per_second"]  # 0 if this machine was too busy to answer
        by_hand = pytest.approx(3.6 / (tokens * 3600) * 1e6) if tokens else None
        assert rate["usd_per_million_output_tokens"] == by_hand
    assert (tmp_path / "load.png").read_bytes().startswith(b"\x89PNG")
    assert "as given with --usd-per-hour" in capsys.readouterr().out
    file = str(tmp_path / "result.json")
    assert main(["compare", "--measured", file, "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "measured" in out
    assert "published" in out
    assert (tmp_path / "comparison.png").read_bytes().startswith(b"\x89PNG")


def test_a_wrong_name_is_said_before_any_load(server, tmp_path, capsys):
    assert main(["serve", "--url", server, "--model", "x", "--rates", "1",
                 "--out", str(tmp_path)]) == 1  # fmt: skip

    assert "answers a first request for 'x' with: HTTP 404" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_server_that_is_not_there_is_said(tmp_path, capsys):
    assert main([*SERVE, "--out", str(tmp_path)]) == 1

    assert "no connection" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "the following arguments are required: serve|train|compare"),
        ([*SERVE, "--url", "127.0.0.1:8000"], "--url 127.0.0.1:8000 is no address"),
        ([*SERVE, "--rates", "0"], "0 is not above 0"),
        ([*SERVE, "--rates", "fast"], "'fast' is not a number"),
        ([*SERVE, "--warmup", "-1"], "-1 is below 0"),
        ([*SERVE, "--prompt-tokens", "0"], "'0' is neither a number such as 64 nor 64:8"),
        ([*SERVE, "--body", "[]"], "'[]' is not a JSON object"),
        ([*SERVE, "--prompts", "nowhere.jsonl"], "--prompts nowhere.jsonl cannot be read"),
        (["compare", "--region", "moon-1"], "--region moon-1 is none of the regions"),
        (["compare", "--measured", "nowhere.json"], "--measured nowhere.json cannot be read"),
        (["compare", "--measured", "pyproject.toml"], "is no result of python -m workloads.bench"),
        (["compare", "--measured", "package.json"], "is no result of python -m workloads.bench"),
    ],
)
def test_a_mistake_is_one_sentence_and_code_2(monkeypatch, capsys, arguments, sentence):
    monkeypatch.chdir(REPOSITORY)

    assert main(arguments) == 2

    error = capsys.readouterr().err
    assert sentence in error
    assert error.count("\n") == 1
