"""Test the devices of every node of a gang, and the fabric between them.

python -m workloads.submit acceptance --pool trn1 --nodes 4 --wait

The first pod reduces a gibibyte with each other one, then with all. Where a figure is published for
the type, a pair must reach four fifths of it; without one the test says what it measured. Results
are JSON, a line each. Not run on hardware.
"""

import json
import os
import socket
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from workloads.acceptance.devices import check_devices
from workloads.acceptance.fabric import all_reduce
from workloads.acceptance.floors import PAIRS, SIZE_BYTES
from workloads.acceptance.peers import addresses, configure, names, serve
from workloads.command import InputError, Parser, StageError, count, end, run
from workloads.hardware import INSTANCES
from workloads.jobs.environment import COLLECTIVES_PORT, FIRST, INDEX
from workloads.jobs.job import SECRETS


def parser() -> Parser:
    options = Parser(prog="python -m workloads.acceptance", description=__doc__)
    add = options.add_argument
    add("--nodes", type=count(1), default=1, metavar="N", help="(%(default)s)")
    add("--instance-type", choices=INSTANCES, required=True, metavar="TYPE")
    add("--ranks", type=count(1), required=True, metavar="N", help="logical NeuronCores of a node")
    add("--hosts", nargs="+", metavar="NAME", help="of all nodes, this one first (the gang's pods)")
    add("--patience", type=float, default=1800, metavar="SECONDS", help="for the others to start")
    add("--secrets", type=Path, default=Path(SECRETS), metavar="FOLDER", help="(%(default)s)")
    add("--ssh-port", type=count(1), default=2222, metavar="N", help="(%(default)s)")
    return options


def main(argv: Sequence[str] | None = None) -> int:
    return run("acceptance", lambda: work(parser().parse_args(argv)))


def work(options: Namespace) -> None:
    hardware = INSTANCES[options.instance_type]
    _tell(node=socket.gethostname(), devices=check_devices(hardware))
    if options.nodes == 1:
        _measure(options, ["127.0.0.1"])
        return
    if FIRST not in os.environ or INDEX not in os.environ:
        raise InputError(f"several nodes need {FIRST} and {INDEX}, which a gang's pods are told")
    index, first = int(os.environ[INDEX]), os.environ[FIRST]
    server = serve(options.secrets, options.ssh_port, os.environ)
    try:
        if index:
            raise StageError(f"sshd ended with {server.wait()}")  # success of the first ends us
        configure(options.secrets, Path.home(), options.ssh_port)
        pods = options.hosts or names(first, options.nodes)
        hosts = addresses(pods, options.ssh_port, options.patience)
        published = PAIRS.get(hardware.name)
        for host in hosts[1:]:
            reached = _measure(options, [hosts[0], host])
            if published and reached < published.floor:
                raise StageError(
                    f"{reached:.2f} GiB/s with {host}, and {published.floor:.2f} is the least for "
                    f"{hardware.name} ({published.source}); replace one of the two nodes"
                )
        if len(hosts) > 2:
            _measure(options, hosts)
    finally:
        server.terminate()
        server.wait()


def _measure(options: Namespace, hosts: Sequence[str]) -> float:
    published = PAIRS.get(options.instance_type)
    environment = {**os.environ, "NEURON_RT_ROOT_COMM_ID": f"{hosts[0]}:{COLLECTIVES_PORT}"}
    size = published.size_bytes if published else SIZE_BYTES
    reached = all_reduce(hosts, ranks=options.ranks, size_bytes=size, environment=environment)
    floor = published.floor if published and len(hosts) == 2 else None
    _tell(hosts=list(hosts), bus_gib_per_second=reached, floor_gib_per_second=floor)
    return reached


def _tell(**row: object) -> None:
    print(json.dumps(row), flush=True)


if __name__ == "__main__":
    end(main)
