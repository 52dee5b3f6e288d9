import json
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta

import pytest
import yaml

from operations.manifests import problems
from workloads.jobs.images import image
from workloads.jobs.job import Job, Part
from workloads.jobs.pool import Pool
from workloads.jobs.render import DIGEST
from workloads.submit import __main__ as command
from workloads.submit.__main__ import main
from workloads.submit.files import read_job
from workloads.train import __main__ as train

OPTIONS = ("--", "--data", "s3://tokens", "--out", "s3://runs/a")


@pytest.fixture
def call(kubeconfig, capsys):
    """Run the command against the API server; its exit code, output and complaints."""

    def run(*options, config=kubeconfig):
        code = main([options[0], "--kubeconfig", config, *options[1:]])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def finishing(monkeypatch, *steps):
    """Let each pause of a waiting command do the next step instead."""
    remaining = iter(steps)
    monkeypatch.setattr(command.time, "sleep", lambda _: next(remaining)())


def ended(thing, kind, message=""):
    thing["spec"]["suspend"] = False
    condition = {"type": kind, "status": "True", "message": message, "lastTransitionTime": "x"}
    thing["status"] = {"conditions": [condition]}


def test_train_becomes_a_gang_with_a_process_for_each_core(api, call, trn1):
    api.pool(trn1)

    code, out, _ = call("train", "--pool", "trn1", "--nodes", "2", *OPTIONS)

    assert code == 0
    assert out == "JobSet train is submitted: waits in its queue\n"
    spec = api.jobset()["spec"]["replicatedJobs"][0]["template"]["spec"]
    container = spec["template"]["spec"]["containers"][0]
    assert spec["completions"] == 2
    assert container["image"] == image(trn1)
    assert "--nproc-per-node=32" in container["command"]
    assert container["command"][-8:] == ["-m", "workloads.train", "--device", "xla", *OPTIONS[1:]]
    assert api.jobset()["metadata"]["labels"]["kueue.x-k8s.io/priority-class"] == "training"


@pytest.mark.parametrize(
    ("given", "told"),
    [((), "prod"), (("--cloudwatch", "mine"), "mine"), (("--cloudwatch=",), "")],
)
def test_a_run_tells_the_alarms_of_its_pools_environment(api, call, trn1, given, told):
    api.pool(replace(trn1, cloudwatch="prod"))

    code, _, _ = call("train", "--pool", "trn1", *OPTIONS, *given)

    assert code == 0
    spec = api.jobset()["spec"]["replicatedJobs"][0]["template"]["spec"]
    [container] = spec["template"]["spec"]["containers"]
    options = container["command"][container["command"].index("workloads.train") + 1 :]
    assert train.parser().parse_args(options).cloudwatch == told


def test_the_same_command_finds_its_job(api, call, trn1):
    api.pool(trn1)
    call("train", "--pool", "trn1", *OPTIONS)

    code, out, _ = call("train", "--pool", "trn1", "--json", *OPTIONS)

    assert code == 0
    told = json.loads(out)
    assert (told["kind"], told["name"], told["new"]) == ("JobSet", "train", False)


def test_another_job_of_the_name_is_refused(api, call, trn1):
    api.pool(trn1)
    call("train", "--pool", "trn1", *OPTIONS)
    before = api.jobset()["metadata"]["annotations"][DIGEST]

    code, _, err = call("train", "--pool", "trn1", "--nodes", "3", *OPTIONS)

    assert code == 2
    assert "another --name" in err and "kubectl delete jobset train" in err
    assert api.jobset()["metadata"]["annotations"][DIGEST] == before


def test_prepare_becomes_tasks_that_share_the_work(api, call):
    pool = Pool(
        name="epyc", instance_type="m7a.4xlarge", registry="registry", images="dev/workloads"
    )
    api.pool(pool)

    code, out, _ = call("prepare", "--pool", "epyc", "--nodes", "3", "--", "--stories", "9")

    assert (code, out) == (0, "Job prepare is submitted: waits in its queue\n")
    spec = api.job("prepare")["spec"]
    container = spec["template"]["spec"]["containers"][0]
    assert (spec["completions"], spec["parallelism"]) == (3, 3)
    assert container["image"] == image(pool)
    assert container["command"][-4:] == ["--stories", "9", "--of", "3"]


def test_waiting_tells_what_changes_until_the_end(api, call, trn1, monkeypatch):
    api.pool(trn1)

    def unquoted():
        thing = api.jobset()
        why = {"type": "QuotaReserved", "status": "False", "message": "insufficient quota for efa"}
        labels = {"kueue.x-k8s.io/job-uid": thing["metadata"]["uid"]}
        where = "/apis/kueue.x-k8s.io/v1beta2/namespaces/workloads/workloads"
        api.put(where, "w", {"metadata": {"labels": labels}, "status": {"conditions": [why]}})

    def runs():
        api.jobset()["spec"]["suspend"] = False
        api.jobset()["status"] = {"replicatedJobsStatus": [{"ready": 1}], "restarts": 2}

    finishing(monkeypatch, unquoted, runs, lambda: None, lambda: ended(api.jobset(), "Completed"))
    code, out, err = call("train", "--pool", "trn1", "--nodes", "2", "--wait", *OPTIONS)

    assert code == 0
    assert err.splitlines() == [
        "train: waits in its queue",
        "train: waits in its queue: insufficient quota for efa",
        "train: 2 pods run, after 2 restarts",
        "train: done",
    ]
    assert out == "JobSet train is submitted: done\n"


def test_a_job_that_fails_says_what_its_pods_said_last(api, call, trn1, monkeypatch):
    api.pool(trn1)

    def fails():
        ended(api.jobset(), "Failed", "jobset failed due to reaching max number of restarts")
        where = "/api/v1/namespaces/workloads/pods"
        for name, phase in (("train-node-0-0-x", "Failed"), ("train-node-0-1-y", "Running")):
            body = {"spec": {"containers": []}, "status": {"phase": phase}}
            api.put(where, name, body | {"metadata": {"labels": {"job": "train"}}})
            api.logs[name] = f"train: no tokens in {name}\n"

    finishing(monkeypatch, fails)
    code, _, err = call("train", "--pool", "trn1", "--wait", *OPTIONS)

    assert code == 1
    assert "train-node-0-0-x: train: no tokens in train-node-0-0-x" in err
    assert "0-1-y" not in err
    assert err.splitlines()[-1] == (
        "submit: JobSet train failed: jobset failed due to reaching max number of restarts"
    )


def test_a_dry_run_creates_nothing(api, call, trn1):
    api.pool(trn1)

    code, out, _ = call("train", "--pool", "trn1", "--dry-run", *OPTIONS)

    assert code == 0
    assert problems(json.loads(out), "1.35") == []
    assert {method for method, _ in api.calls} == {"GET"}


def test_a_dry_run_needs_no_cluster(call):
    options = ("--instance-type", "trn2.48xlarge", "--allocator", "dra", "--image", "image")

    code, out, _ = call("train", "--dry-run", *options, *OPTIONS, config="/nowhere")

    assert code == 0
    assert "trn2-node" in json.dumps(yaml.safe_load(out))


def test_acceptance_brings_its_key(api, call, trn1):
    api.pool(trn1)

    code, _, _ = call("acceptance", "--pool", "trn1", "--nodes", "2")

    assert code == 0
    secret = api.objects["/api/v1/namespaces/workloads/secrets/acceptance"]
    [owner] = secret["metadata"]["ownerReferences"]
    assert owner["uid"] == api.jobset("acceptance")["metadata"]["uid"]
    spec = api.jobset("acceptance")["spec"]["replicatedJobs"][0]["template"]["spec"]
    volumes = spec["template"]["spec"]["volumes"]
    assert {"secretName": "acceptance", "defaultMode": 0o400} in [v.get("secret") for v in volumes]
    assert spec["successPolicy"] == {"rules": [{"succeededIndexes": "0"}]}


def test_training_on_tested_nodes_is_submitted(api, call, trn1):
    api.pool(trn1)
    for name in ("node-a", "node-b"):
        api.put("/api/v1/nodes", name, {"metadata": {"labels": {"pool": "trn1"}}})
    call("acceptance", "--pool", "trn1", "--nodes", "2")
    ended(api.jobset("acceptance"), "Completed")
    [condition] = api.jobset("acceptance")["status"]["conditions"]
    later = datetime.now(UTC) + timedelta(seconds=5)
    condition["lastTransitionTime"] = later.isoformat()

    code, _, err = call("train", "--pool", "trn1", "--nodes", "2", "--require-acceptance", *OPTIONS)

    assert (code, err) == (0, "")
    assert api.jobset()


def described_jobs(tmp_path, *names):
    part = {"cpus": 8, "memory_gib": 16, "devices": 0}
    rows = [
        {"name": name, "image": "image", "command": ["python", "-m", "workloads.compile"],
         "part": part}
        for name in names
    ]  # fmt: skip
    path = tmp_path / "plan.json"
    path.write_text(json.dumps([{"state": "missing", "jobs": rows}]))
    return str(path)


def test_a_job_that_another_stage_described_is_submitted(api, call, tmp_path):
    api.pool(Pool(name="epyc", instance_type="m7a.4xlarge"))
    path = described_jobs(tmp_path, "compile-a", "compile-b")

    code, out, _ = call("job", "--from", path, "--name", "compile-b", "--pool", "epyc")

    assert (code, out) == (0, "Job compile-b is submitted: waits in its queue\n")
    container = api.job("compile-b")["spec"]["template"]["spec"]["containers"][0]
    assert container["resources"]["requests"] == {"cpu": "8", "memory": "16Gi"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "is not JSON"),
        ("[]", "has no job alone"),
        (None, "cannot be read: No such file"),
        (json.dumps({"name": "A", "image": "i", "command": []}), "cannot name a job"),
    ],
)
def test_a_file_without_the_job_is_a_sentence(api, call, trn1, tmp_path, text, sentence):
    api.pool(trn1)
    path = tmp_path / "jobs.json"
    if text is not None:
        path.write_text(text)

    code, _, err = call("job", "--from", str(path), "--pool", "trn1")

    assert (code, err.count("\n")) == (2, 1)
    assert sentence in err


def test_every_job_survives_its_description(tmp_path):
    job = Job(
        name="a", image="i", command=("b",), pods=3, part=Part(cpus=1, memory_gib=2, devices=1),
        environment={"C": "d"}, labels={"e": "f"},
    )  # fmt: skip
    path = tmp_path / "job.json"
    path.write_text(json.dumps(asdict(job)))

    assert read_job(str(path), None, None) == job


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("train",), "--pool names where"),
        (("fly", "--pool", "trn1"), "invalid choice"),
        (("train", "--pool", "trn9"), "has no pool 'trn9'"),
        (("train", "--pool", "trn1", "--nodes", "5"), "grows to 4"),
        (("export", "--pool", "trn1", "--nodes", "2"), "export runs on one node"),
        (("job", "--pool", "trn1"), "needs --from"),
        (("train", "--pool", "trn1", "--env", "A"), "is not NAME=VALUE"),
        (("train", "--pool", "trn1", "--require-acceptance"), "no acceptance test"),
        (("train", "--sagemaker"), "needs --instance-type"),
    ],
)
def test_what_cannot_be_is_one_sentence(api, call, trn1, options, sentence):
    api.pool(trn1)

    code, out, err = call(*options)

    assert (code, out, err.count("\n")) == (2, "", 1)
    assert sentence in err
    assert not any(method == "POST" for method, _ in api.calls)
