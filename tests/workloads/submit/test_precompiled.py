"""Training that waits for no compiler: graphs in a cache on moto's S3, and what pods are told."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from operations.manifests import problems
from workloads.artefacts.training import key_of_run
from workloads.compile.seal import seal
from workloads.dataset import read_dataset
from workloads.files import open_folder
from workloads.jobs.job import FETCHED
from workloads.submit.__main__ import main
from workloads.submit.precompiled import GRAPHS

STAGE = ("--model", "tiny", "--batch", "64", "--device", "xla")
WHERE = ("--dry-run", "--instance-type", "trn1.32xlarge", "--image", "image")


@pytest.fixture
def cache(bucket, data):
    """The URI of a cache with the sealed graphs of a run on two nodes."""
    dataset = read_dataset(open_folder(str(data)))
    key = key_of_run("trn1.32xlarge", nodes=2, options=STAGE, dataset=dataset)
    folder = open_folder(f"{bucket}/cache")
    for number in range(2):
        module = f"{key.name}/neuronxcc-2.23.6484.0/MODULE_{number}+a"
        for file, content in (("model.hlo_module.pb", "graph"), ("model.neff", f"neff {number}")):
            folder.write(f"{module}/{file}", content.encode())
        folder.write(f"{module}/model.done", b"")
    seal(folder, key, now=datetime.now(UTC), lock_age=timedelta(hours=1))
    return folder.uri


def submit(cache, data, *options, stage=STAGE):
    rest = ("--", "--data", str(data), "--out", "s3://runs/a", *stage)
    return main(["train", *WHERE, "--nodes", "2", "--precompiled", cache, *options, *rest])


def test_pods_fetch_the_graphs_before_they_train(cache, data, capsys, tmp_path):
    assert submit(cache, data) == 0

    manifest = json.loads(capsys.readouterr().out)
    assert problems(manifest, "1.35") == []
    pod = manifest["spec"]["replicatedJobs"][0]["template"]["spec"]["template"]["spec"]
    [before], [train] = pod["initContainers"], pod["containers"]
    told = {each["name"]: each["value"] for each in train["env"]}
    assert told["NEURON_COMPILE_CACHE_URL"] == GRAPHS
    assert {"name": "fetched", "mountPath": FETCHED} in before["volumeMounts"]
    assert before["volumeMounts"] == train["volumeMounts"]
    assert not any("neuron" in name for name in before["resources"]["requests"])

    here = str(tmp_path / "graphs")
    command = [{"python": sys.executable, GRAPHS: here}.get(w, w) for w in before["command"]]
    subprocess.run(command, check=True, capture_output=True)
    neffs = sorted((tmp_path / "graphs").rglob("model.neff"))
    assert [file.read_text() for file in neffs] == ["neff 0", "neff 1"]


@pytest.mark.parametrize(
    ("options", "stage"),
    [
        (("--nodes", "4"), STAGE),  # the last one counts
        ((), (*STAGE, "--micro-batch", "1")),
        ((), ("--model", "small", *STAGE[2:])),
    ],
)
def test_other_graphs_are_refused_before_anything_is_rendered(cache, data, capsys, options, stage):
    assert submit(cache, data, *options, stage=stage) == 1

    told = capsys.readouterr()
    assert told.out == ""
    assert "1 compiled artefact not ready" in told.err
    assert "training/" in told.err and "compile first: python -m workloads.compile" in told.err


@pytest.mark.parametrize("option", [("--steps", "7"), ("--keep", "3"), ("--learning-rate", "1e-4")])
def test_what_is_in_no_graph_needs_no_other(cache, data, option):
    assert submit(cache, data, stage=(*STAGE, *option)) == 0


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--processes", "8"), "leave out --processes"),
        (("--precompiled", "/cache"), "/cache is no s3:// URI"),
    ],
)
def test_what_cannot_be_precompiled_is_a_sentence(cache, data, capsys, options, sentence):
    assert submit(cache, data, *options) == 2
    assert sentence in capsys.readouterr().err


def test_only_train_has_graphs(capsys):
    assert main(["export", *WHERE, "--precompiled", "s3://b/c"]) == 2
    assert "is for train" in capsys.readouterr().err


def test_this_machine_has_nothing_to_fetch_it_for(cache, data, capsys):
    rest = ("--", "--data", str(data), "--out", "o", *STAGE)
    where = ("--local", "--instance-type", "trn1.32xlarge", "--nodes", "2")

    assert main(["train", *where, "--precompiled", cache, *rest]) == 2
    assert "run it there" in capsys.readouterr().err
