"""Many requests through the gateway to a backend that cannot be relied on, with two kills.

    python -m benchmarks.gateway.chaos --requests 10000

The backend throttles, fails, cuts, stalls, lies about lengths and sends garbage; the clients read
as strictly as their APIs allow, and some leave; the gateway is killed with SIGKILL twice and
started again. Then the accounts of clients, backend and ledger are held against each other. Ends
with 1 if anything is wrong.
"""

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from benchmarks.gateway.chaos.audit import Audit
from benchmarks.gateway.chaos.run import run


def main() -> None:
    """Run it and print what happened."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gateway.chaos",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--requests", type=int, default=10_000, help="(%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of everything (%(default)s)")
    parser.add_argument("--folder", type=Path, help="an empty one, where ledger and log stay")
    options = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            parser.error(f"--folder {folder} is not empty: its ledger would count earlier runs too")
        audit = run(folder, os.environ, requests=options.requests, seed=options.seed)
        problems = list(audit.problems())
    print(summary(audit, time.monotonic() - began))
    print(*problems[:50], sep="\n")
    sys.exit(bool(problems))


def summary(audit: Audit, seconds: float) -> str:
    """The three accounts in figures."""
    endings = Counter(asked.ending for asked in audit.asked)
    attempts = Counter(attempt.fault for attempt in audit.attempts.values())
    states = Counter(row.state for row in audit.rows)
    told = sum(attempt.told is not None for attempt in audit.attempts.values())
    lines = [
        f"{len(audit.asked):,} requests in {seconds:.0f} s, {len(audit.gateway.downs)} kills",
        "clients: " + _counts({ending.value: n for ending, n in endings.items()}),
        f"backend: {len(audit.attempts):,} attempts, {told:,} told their tokens; "
        + _counts({fault.name: n for fault, n in attempts.items()}),
        "ledger: " + _counts(states),
        "told and not settled, for a reason: " + (_counts(audit.excuses()) or "none"),
    ]
    return "\n".join(lines)


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{n:,} {name}" for name, n in sorted(counts.items(), key=lambda i: -i[1]))


if __name__ == "__main__":
    main()
