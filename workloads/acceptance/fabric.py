"""nccom-test: an all-reduce over the cores of some nodes, and its bandwidth.

Options and output: aws-neuron-sdk, tools/neuron-sys-tools/nccom-test.rst. Bandwidth between nodes
is what a pair shows best: it names the node at fault, and figures are published for it.
"""

import os
import re
import subprocess
from collections.abc import Mapping, Sequence

from workloads.command import StageError

# size(B)  count(elems)  type  time(us)  algbw(GB/s)  busbw(GB/s)
_ROW = re.compile(r"^\s*(\d+)\s+\d+\s+\w+\s+[\d.]+\s+[\d.]+\s+([\d.]+)\s*$", re.MULTILINE)


def all_reduce(
    hosts: Sequence[str], *, ranks: int, size_bytes: int, environment: Mapping[str, str]
) -> float:
    """The bus bandwidth in GiB/s, of sums that were checked; this node comes first in `hosts`.

    StageError: the test did not come to an end.
    """
    command = [
        "nccom-test", "-r", str(ranks * len(hosts)), "-N", str(len(hosts)),
        "-b", str(size_bytes), "-e", str(size_bytes), "-n", "50", "-w", "5", "-d", "fp32", "-c",
        "allr",
    ]  # fmt: skip
    if len(hosts) > 1:
        command += ["--hosts", *hosts]
    try:
        answer = subprocess.run(
            command,
            env=dict(environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    except OSError as error:
        raise StageError(
            f"nccom-test cannot be started: {os.strerror(error.errno or 0)}"
        ) from error
    found = _ROW.search(answer.stdout)
    if answer.returncode or not found:
        lines = [line for line in answer.stdout.splitlines() if line.strip()]
        raise StageError(
            f"nccom-test over {', '.join(hosts)} ended with {answer.returncode}: "
            f"{' / '.join(lines[-3:]) or 'it said nothing'}"
        )
    return float(found[2])
