"""The test's own processes are real; the tools of the node are stand-ins on PATH."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.waiting import PATIENCE, free_port
from workloads.acceptance.floors import MARGIN, PAIRS
from workloads.acceptance.peers import names
from workloads.hardware import INSTANCES
from workloads.jobs.environment import first_pod
from workloads.jobs.job import Job

REPOSITORY = Path(__file__).parents[3]
HEAD = "       size(B)    count(elems)    type    time(us)    algbw(GB/s)    busbw(GB/s)\n"
ROW = "    1073741824       268435456    fp32       41806          23.92          {:.2f}\n"
GOOD = HEAD + ROW.format(47)
FAILED = "    33554432    Failure running neuron-bench - log file /tmp/x.log\n1 errors found\n"
SSHD = f"""#!{sys.executable}
import socket, sys
port = int(sys.argv[sys.argv.index("-p") + 1])
with socket.create_server(("127.0.0.1", port)) as server:
    while True:
        server.accept()
"""


def script(path, text):
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def node(tmp_path):
    """Run the command on a node with so many devices, whose nccom-test prints a text."""
    tools, home = tmp_path / "bin", tmp_path / "home"
    tools.mkdir()
    home.mkdir()
    script(tools / "sshd", SSHD)

    def run(*options, devices=16, text=GOOD, code=0, **told):
        listed = json.dumps([{"neuron_device": n, "nc_count": 2} for n in range(devices)])
        script(tools / "neuron-ls", f"#!/bin/sh\necho '{listed}'\n")
        (tmp_path / "output").write_text(text)
        asked = f"echo $NEURON_RT_ROOT_COMM_ID $@ >> {tmp_path}/asked"
        script(tools / "nccom-test", f"#!/bin/sh\n{asked}\ncat {tmp_path}/output\nexit {code}\n")
        environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "HOME": str(home)}
        return subprocess.run(
            [sys.executable, "-m", "workloads.acceptance", "--instance-type", "trn1.32xlarge",
             "--ranks", "32", *options],
            cwd=REPOSITORY, env=environment | told, capture_output=True, text=True,
            timeout=PATIENCE,
        )  # fmt: skip

    run.asked = lambda: (tmp_path / "asked").read_text().splitlines()
    run.home = home
    return run


def rows(done):
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_one_node_is_measured_alone(node):
    devices, measured = rows(node())

    assert devices["devices"] == 16
    assert measured["bus_gib_per_second"] == 47
    assert measured["floor_gib_per_second"] is None
    [asked] = node.asked()
    assert "-r 32 -N 1 -b 1073741824" in asked and "-c allr" in asked


def test_a_missing_device_ends_it(node):
    done = node(devices=15)

    assert done.returncode == 1
    assert "15 of 16 devices of trn1.32xlarge; replace it" in done.stderr


def test_a_driver_that_does_not_answer_ends_it(node, tmp_path):
    done = node(PATH="/nowhere")

    assert done.returncode == 1
    assert "neuron-ls cannot be started" in done.stderr


@pytest.mark.parametrize(("text", "code"), [(FAILED, 0), (HEAD, 0), (GOOD, 3)])
def test_a_run_that_does_not_end_well_is_told_with_its_last_lines(node, text, code):
    done = node(text=text, code=code)

    assert done.returncode == 1
    assert f"ended with {code}: " in done.stderr
    assert text.strip().splitlines()[-1].strip() in done.stderr


def gang(tmp_path):
    """Options and environment of the first pod of two, both of which are this machine."""
    told = {"MASTER_ADDR": "acceptance-node-0-0.acceptance", "JOB_COMPLETION_INDEX": "0"}
    options = ("--nodes", "2", "--ssh-port", str(free_port()), "--secrets", str(tmp_path))
    return (*options, "--hosts", "127.0.0.1", "localhost"), told


def test_each_pair_is_measured_from_the_first_node(node, tmp_path):
    options, told = gang(tmp_path)

    _, measured = rows(node(*options, **told))

    assert measured["floor_gib_per_second"] == pytest.approx(47.09 * MARGIN)
    [asked] = node.asked()
    first, second = measured["hosts"]
    assert asked.startswith(f"{first}:63182 -r 64 -N 2")
    assert asked.endswith(f"--hosts {first} {second}")
    assert f"IdentityFile {tmp_path}/id" in (node.home / ".ssh/config").read_text()


def test_a_slow_link_names_the_node_and_the_figure(node, tmp_path):
    options, told = gang(tmp_path)

    done = node(*options, text=HEAD + ROW.format(20), **told)

    assert done.returncode == 1
    assert "20.00 GiB/s with 127.0.0.1, and 37.67 is the least" in done.stderr
    assert "nccom-test.html" in done.stderr


def test_a_node_that_never_answers_is_named(node, tmp_path):
    options, told = gang(tmp_path)

    done = node(*options, "--patience", "0", "--hosts", "no-such-host.invalid", **told)

    assert done.returncode == 1
    assert "no-such-host.invalid did not answer in 0 s" in done.stderr


def test_several_nodes_need_a_gang(node):
    done = node("--nodes", "2")

    assert done.returncode == 2
    assert "several nodes need MASTER_ADDR" in done.stderr


def test_pods_are_named_as_jobset_names_them():
    job = Job(name="acceptance", image="i", command=("c",), gang=True, pods=12)

    assert names(first_pod(job), 12)[0] == first_pod(job)
    assert names(first_pod(job), 12)[11] == "acceptance-node-0-11.acceptance"


def test_every_figure_has_a_type_and_a_source():
    for name, published in PAIRS.items():
        assert INSTANCES[name].efa_interfaces and INSTANCES[name].neuron
        assert published.source.startswith("https://")
        assert 0 < published.floor < published.bus_gib_per_second
