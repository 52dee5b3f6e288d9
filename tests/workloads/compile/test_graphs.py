"""A gang's collected graphs, compiled by tasks of their own with a stand-in of Neuron's tool."""

import json
import os
import sys
from dataclasses import replace

import pytest

from workloads.artefacts.store import READY, read_index, state
from workloads.command import StageError
from workloads.compile.plan import Request, plan
from workloads.compile.run import compile_row
from workloads.files import open_folder
from workloads.jobs.pool import Pool
from workloads.submit.local import run_here

# As neuron_parallel_compile: every graph in the cache gets its result, but for those that say bad.
TOOL = """#!{python}
import json, os, pathlib, sys
here = pathlib.Path(__file__).parent
cache = pathlib.Path(os.environ["NEURON_COMPILE_CACHE_URL"])
found = sorted(cache.rglob("*.hlo_module.pb"))
called = [sys.argv[1:], [graph.parent.name for graph in found], str(cache)]
with (here / "called").open("a") as calls:
    calls.write(json.dumps(called) + "\\n")
for graph in found:
    if "bad" in graph.read_text():
        (graph.parent / "model.log").write_text("lowering\\nerror: no such operator\\n")
        continue
    (graph.parent / "model.neff").write_text("compiled " + graph.read_text())
    (graph.parent / "model.done").touch()
sys.exit(any("bad" in graph.read_text() for graph in found))
"""
VERSION = "neuronxcc-2.23.6484.0+3b612583"


@pytest.fixture(params=["folder", "s3"])
def uri(request, tmp_path):
    if request.param == "s3":
        return f"{request.getfixturevalue('bucket')}/cache"
    return str(tmp_path / "cache")


@pytest.fixture
def gang(uri, tmp_path, data):
    """What is left after a gang has collected: the row, and who compiles. Say which graphs."""
    tools = tmp_path / "bin"
    tools.mkdir()
    program = tools / "neuron_parallel_compile"
    program.write_text(TOOL.format(python=sys.executable))
    program.chmod(0o755)

    def make(*graphs, pods=1):
        cache = open_folder(uri)
        request = Request(
            cache=uri,
            train_on=("trn1.32xlarge",),
            nodes=2,
            data=str(data),
            train_options=("--model", "tiny"),
            pods=pods,
        )
        (row,) = plan(request, lambda text: None)
        for number, text in enumerate(graphs):
            module = f"{row.key.name}/{VERSION}/MODULE_{number}+a"
            cache.write(f"{module}/model.hlo_module.pb", text.encode())
        return cache, row, {**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"}

    def calls():
        return [json.loads(line) for line in (tools / "called").read_text().splitlines()]

    make.calls = calls
    return make


def compile_here(tmp_path, uri, row, environment, share=(0, 1), name="scratch"):
    scratch = tmp_path / f"{name}-{share[0]}"
    scratch.mkdir()
    return compile_row(
        row,
        cache=uri,
        scratch=scratch,
        python=sys.executable,
        environment=environment,
        say=lambda text: None,
        share=share,
    )


def test_collected_graphs_are_compiled_and_sealed(tmp_path, uri, gang):
    cache, row, environment = gang("one", "two")

    index = compile_here(tmp_path, uri, row, environment)

    [[words, graphs, place]] = gang.calls()
    assert words[:2] == ["--command", "compile"]
    assert len(graphs) == 2
    assert not place.startswith("s3://")  # no compiler meets another in the cache
    assert state(cache, row.key)[0] == READY
    assert index == read_index(cache, row.key)
    neff = cache.read(f"{row.key.name}/{VERSION}/MODULE_1+a/model.neff")
    assert neff == b"compiled two"


def test_the_job_s_tasks_share_the_graphs_as_processes_of_their_own(uri, gang):
    """The very job that the plan describes, but for the image's interpreter."""
    cache, row, environment = gang("a", "b", "c", "d", "e", pods=3)
    job = row.jobs[1]
    assert (job.pods, job.gang) == (3, False)
    job = replace(job, command=(sys.executable, *job.command[1:]))
    said = []

    run_here(
        job, Pool(name="epyc", instance_type="m7a.large"), environment=environment, say=said.append
    )

    assert sorted(graph for _, graphs, _ in gang.calls() for graph in graphs) == [
        f"MODULE_{number}+a" for number in range(5)
    ]
    assert sorted(len(graphs) for _, graphs, _ in gang.calls()) == [1, 2, 2]
    assert state(cache, row.key)[0] == READY
    assert any("5 graphs" in line for line in said)


def test_a_task_that_is_not_the_last_leaves_the_index_to_others(tmp_path, uri, gang):
    cache, row, environment = gang("a", "b")

    assert compile_here(tmp_path, uri, row, environment, share=(0, 2)) is None
    assert state(cache, row.key)[0] == "not finished"
    assert compile_here(tmp_path, uri, row, environment, share=(1, 2)) is not None
    assert state(cache, row.key)[0] == READY


def test_a_graph_that_another_task_hands_back_just_now_is_waited_for(tmp_path, uri, gang):
    cache, row, environment = gang("a", "b")
    cache.write(f"{row.key.name}/{VERSION}/MODULE_1+a/model.neff", b"its mark is on the way")

    assert compile_here(tmp_path, uri, row, environment, share=(0, 2)) is None


def test_more_tasks_than_graphs_do_no_harm(tmp_path, uri, gang):
    _, row, environment = gang("a")

    assert compile_here(tmp_path, uri, row, environment, share=(3, 4)) is None
    assert compile_here(tmp_path, uri, row, environment, share=(0, 4)) is not None
    assert compile_here(tmp_path, uri, row, environment, share=(2, 4)) is not None
    assert len(gang.calls()) == 1


def test_a_graph_that_fails_is_named_and_the_others_are_kept(tmp_path, uri, gang):
    cache, row, environment = gang("good", "bad", "good")

    with pytest.raises(StageError, match=r"1 of 3 graphs were not compiled: .*MODULE_1\+a: .*oper"):
        compile_here(tmp_path, uri, row, environment)

    assert "model.log" not in " ".join(cache.names())  # it would poison the cache
    cache.write(f"{row.key.name}/{VERSION}/MODULE_1+a/model.hlo_module.pb", b"good now")
    compile_here(tmp_path, uri, row, environment, name="again")
    assert gang.calls()[-1][1] == ["MODULE_1+a"]
    assert state(cache, row.key)[0] == READY


def test_what_an_earlier_failure_left_is_replaced(tmp_path, uri, gang):
    cache, row, environment = gang("good")
    cache.write(f"{row.key.name}/{VERSION}/MODULE_0+a/model.log", b"killed")

    compile_here(tmp_path, uri, row, environment)

    assert state(cache, row.key)[0] == READY
    assert not cache.exists(f"{row.key.name}/{VERSION}/MODULE_0+a/model.log")


def test_nothing_collected_is_said(tmp_path, uri, gang):
    _, row, environment = gang()

    with pytest.raises(StageError, match="holds no graph; collect them on the gang first"):
        compile_here(tmp_path, uri, row, environment)


def test_no_compiler_is_said(tmp_path, uri, gang):
    _, row, environment = gang("a")

    with pytest.raises(StageError, match="neuron_parallel_compile is not installed here: compile"):
        compile_here(tmp_path, uri, row, environment | {"PATH": "/none"})
