"""The gateway against the least that could do its work and against LiteLLM's proxy, in one run.

    python -m venv .venv-litellm
    .venv-litellm/bin/pip install -r benchmarks/gateway/requirements.txt
    python -m benchmarks.gateway --litellm .venv-litellm/bin/python [--json FILE]

The server under test has the first core for itself; the load and a fake Bedrock, which streams 32
deltas at once, share the second. Rounds alternate between the servers, LiteLLM takes part in every
fifth, medians are printed. Keys, limits, budget and the ledger of the gateway are on. Ends with 1
where a target was missed.
"""

import argparse
import contextlib
import json
import os
import sys
import tempfile
from pathlib import Path

from benchmarks.gateway import isolation, memory, throughput
from benchmarks.gateway.report import GATEWAY, LITELLM, MINIMAL, Report
from benchmarks.gateway.servers import AWS, CONFIG, DELTAS, LITELLM_LIGHT, litellm, server


def main() -> None:
    """Run everything and print tables."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gateway",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--litellm", metavar="PYTHON", help="an interpreter that has LiteLLM")
    parser.add_argument("--seconds", type=float, default=1.2, help="per point (%(default)s)")
    parser.add_argument("--rounds", type=int, default=15, help="(%(default)s)")
    parser.add_argument(
        "--requests", type=int, default=100_000, help="to watch memory over (%(default)s; 0: none)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="every figure, also of rounds")
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise SystemExit("two cores are needed: one for the server, one for the load")
    os.sched_setaffinity(0, {cores[1]})
    report = Report(" ".join(sys.argv[1:]), len(cores))
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        bedrock = stack.enter_context(
            server(cores[1], "benchmarks.gateway.fake_bedrock", str(DELTAS))
        )
        url = f"http://127.0.0.1:{bedrock[0]}"
        os.environ.update(AWS | LITELLM_LIGHT, AWS_ENDPOINT_URL=url, GATEWAY_CONFIG=CONFIG)
        gateway = stack.enter_context(
            server(
                cores[0],
                *("workloads.gateway", "--port", "0", "--state", str(folder / "state.db")),
            )
        )
        servers = {
            throughput.DIRECT: bedrock,
            MINIMAL: stack.enter_context(server(cores[0], "benchmarks.gateway.minimal", url)),
            GATEWAY: gateway,
        }
        if options.litellm:
            proxy = litellm(cores[0], options.litellm, url, folder)
            servers[LITELLM] = stack.enter_context(proxy)
        report.points = throughput.measure(
            servers, rounds=options.rounds, seconds=options.seconds, seldom=LITELLM
        )
        report.isolation = isolation.measure(
            *gateway, rounds=options.rounds, seconds=options.seconds
        )
        if options.requests:
            report.memory = memory.measure(*gateway, options.requests)
    print(report.text())
    if options.json:
        options.json.write_text(json.dumps(report.to_json(), indent=1) + "\n")
    sys.exit(any(not target.met for target in report.targets()))


if __name__ == "__main__":
    main()
