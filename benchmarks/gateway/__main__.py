"""The gateway against the least that could do its work, in one run on this machine.

    python -m benchmarks.gateway [--seconds 4] [--rounds 3]

The server under test has the first core for itself; the load and a fake Bedrock, which streams 32
deltas at once, share the second. Rounds alternate between the servers, medians are printed.
"""

import argparse
import contextlib
import datetime
import hashlib
import json
import os
import platform
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator

import uvloop

from benchmarks.gateway.load import Result, load

DELTAS = 32
KEY = "sk-benchmark"
CONFIG = f"""
[[models]]
name = "nova"
bedrock = "amazon.nova-lite-v1:0"
price = {{ input = 0.06, output = 0.24 }}
[[tenants]]
name = "benchmark"
key_sha256 = "{hashlib.sha256(KEY.encode()).hexdigest()}"
requests_per_minute = 1000000000
tokens_per_minute = 1000000000000
"""
PROMPT = "Summarise why a small, well tested gateway is easier to trust than a large one. " * 4


def request(stream: bool) -> bytes:
    """One HTTP request as bytes."""
    body = json.dumps(
        {
            "model": "nova",
            "messages": [{"role": "user", "content": PROMPT}],
            "max_tokens": 256,
            "stream": stream,
        }
    ).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {KEY}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


@contextlib.contextmanager
def server(core: int, *command: str, **environment: str) -> Iterator[tuple[int, int]]:
    """A Python module as a process on one core; its port and process id.

    The port is the last number of the first line it prints.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )
    assert process.stdout is not None
    try:
        yield int(re.findall(r"\d+", process.stdout.readline())[-1]), process.pid
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


async def measure(port: int, process: int, stream: bool, clients: int, seconds: float) -> Result:
    """One point, whose answer is checked to be complete."""
    result, answer = await load(
        port, process, request(stream), stream=stream, clients=clients, seconds=seconds
    )
    texts = answer.count(b" some generated text")
    if texts != DELTAS or (stream and b"data: [DONE]" not in answer):
        raise SystemExit(f"the answer is not whole:\n{answer.decode()}")
    return result


def main() -> None:
    """Run everything and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gateway")
    parser.add_argument("--seconds", type=float, default=4, help="per point")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise SystemExit("two cores are needed: one for the server, one for the load")
    os.sched_setaffinity(0, {cores[1]})
    aws = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-2"}
    with contextlib.ExitStack() as stack:
        bedrock, _ = stack.enter_context(
            server(cores[1], "benchmarks.gateway.fake_bedrock", str(DELTAS))
        )
        url = f"http://127.0.0.1:{bedrock}"
        aws |= {"AWS_ENDPOINT_URL": url, "GATEWAY_CONFIG": CONFIG}
        servers = {
            "minimal converter": stack.enter_context(
                server(cores[0], "benchmarks.gateway.minimal", url)
            ),
            "gateway": stack.enter_context(
                server(cores[0], "workloads.gateway", "--port", "0", **aws)
            ),
        }
        points = [(False, 1), (False, 32), (True, 1), (True, 32)]
        results: dict[tuple[str, bool, int], list[Result]] = {}
        for _ in range(options.rounds):
            for stream, clients in points:
                for name, (port, process) in servers.items():
                    result = uvloop.run(measure(port, process, stream, clients, options.seconds))
                    results.setdefault((name, stream, clients), []).append(result)
    print(
        f"{datetime.date.today()}, Python {platform.python_version()}, {len(cores)} cores, "
        f"`python -m benchmarks.gateway --seconds {options.seconds:g} --rounds {options.rounds}`\n"
    )
    print("| answers | clients | server | per second | CPU µs each | p50 ms | p99 ms |")
    print("|---|--:|---|--:|--:|--:|--:|")
    for stream, clients in points:
        kind = f"streams of {DELTAS}" if stream else "whole"
        rate, cpu = {}, {}
        for name in servers:
            found = results[name, stream, clients]
            rate[name] = statistics.median(result.per_second for result in found)
            cpu[name] = statistics.median(result.cpu_us for result in found)
            p50 = statistics.median(result.p50_ms for result in found)
            p99 = statistics.median(result.p99_ms for result in found)
            figures = f"{rate[name]:,.0f} | {cpu[name]:.0f} | {p50:.2f} | {p99:.2f}"
            print(f"| {kind} | {clients} | {name} | {figures} |")
        by_rate = rate["gateway"] / rate["minimal converter"]
        by_cpu = cpu["minimal converter"] / cpu["gateway"]
        print(f"| {kind} | {clients} | gateway / minimal | {by_rate:.0%} | {by_cpu:.0%} | | |")


if __name__ == "__main__":
    main()
