"""Docker and a registry are stand-ins: a program that writes down its calls, and moto's ECR."""

import base64
import json
import sys
from pathlib import Path

import boto3
import pytest
import requests
from moto import mock_aws

from tests.waiting import PATIENCE
from workloads.images.__main__ import main
from workloads.jobs.images import ROOT, images
from workloads.versions import VERSIONS

HOST = "123456789012.dkr.ecr.us-east-2.amazonaws.com"
TO = ("--to", f"{HOST}/dev/workloads")
DOCKER = """#!{python}
import json, pathlib, sys
given = sys.stdin.read() if "--password-stdin" in sys.argv else None
with (pathlib.Path(__file__).parent / "calls").open("a") as calls:
    calls.write(json.dumps([sys.argv[1:], given]) + "\\n")
sys.exit({code})
"""


@pytest.fixture
def docker(tmp_path, monkeypatch):
    """Put a program called docker first; what it was called with."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    def make(code=0):
        program = tmp_path / "docker"
        program.write_text(DOCKER.format(python=sys.executable, code=code))
        program.chmod(0o755)

    def calls():
        file = tmp_path / "calls"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    make.calls = calls
    make()
    return make


@pytest.fixture
def ecr(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        client = boto3.client("ecr", region_name="us-east-2")
        client.create_repository(repositoryName="dev/workloads")
        yield client


def test_every_image_is_listed_with_its_tag(capsys):
    assert main(["--json"]) == 0

    listed = json.loads(capsys.readouterr().out)
    found = images(VERSIONS.sagemaker.regions[0])
    assert [row["tag"] for row in listed] == [image.tag for image in found]
    assert {row["kind"] for row in listed} >= {"cpu", "neuron-sdk2.28.0"}


def test_every_image_is_built_from_the_file_and_the_base_that_it_names(docker):
    assert main(["--build", "all", *TO]) == 0

    calls = [call for call, _ in docker.calls()]
    for call, image in zip(calls, images("us-east-2"), strict=True):
        assert call[0] == "build"
        assert (ROOT / call[call.index("--file") + 1]).is_file()
        assert call[call.index("--tag") + 1] == f"{HOST}/dev/workloads:{image.tag}"
        assert (f"BASE={image.base}" in call) == bool(image.base)


def test_sagemakers_image_is_pulled_from_the_registrys_own_region(docker):
    [sagemaker] = [image for image in images("us-east-2") if "huggingface" in image.kind]

    assert main(["--build", sagemaker.kind, *TO]) == 0

    [[call, _]] = docker.calls()
    assert f"BASE={VERSIONS.sagemaker.uri('us-east-2')}" in call


def test_what_is_pushed_is_logged_in_for_once(docker, ecr, capsys):
    kinds = ("cpu", "neuron-sdk2.28.0")

    assert main(["--build", *kinds, *TO, "--push"]) == 0

    calls = docker.calls()
    assert [call[0] for call, _ in calls] == ["build", "login", "push", "build", "push"]
    [token] = ecr.get_authorization_token()["authorizationData"]
    user, password = base64.b64decode(token["authorizationToken"]).decode().split(":")
    login, given = calls[1]
    assert login == ["login", "--username", user, "--password-stdin", token["proxyEndpoint"]]
    assert given == password
    assert not any(password in word for call, _ in calls for word in call)


@pytest.fixture
def pushed(ecr):
    """The image `cpu`, in the registry."""
    [cpu, *_] = images("us-east-2")
    kind = "application/vnd.oci.image.manifest.v1+json"
    manifest = {
        "schemaVersion": 2,
        "mediaType": kind,
        "config": {"digest": "sha256:0"},
        "layers": [],
    }
    ecr.put_image(
        repositoryName="dev/workloads", imageTag=cpu.tag, imageManifest=json.dumps(manifest)
    )
    return cpu


def test_a_tag_that_is_there_is_not_built_again(docker, pushed, capsys):
    assert main(["--build", "cpu", *TO, "--push"]) == 0

    assert docker.calls() == []
    assert capsys.readouterr().out == f"{HOST}/dev/workloads:{pushed.tag} was there already\n"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--build", "gpu", *TO), "gpu is none of all, cpu, neuron-sdk2.28.0, compile-"),
        (("--build", "cpu"), "--build and --findings need --to"),
        (("--findings", "cpu"), "--build and --findings need --to"),
        (("--findings", "gpu", *TO), "--findings gpu is none of all, cpu, neuron-sdk2.28.0"),
        (("--findings", "cpu", *TO), "dev/workloads has no cpu-"),
        (("--findings", "cpu", "--build", "cpu", *TO), "are two commands"),
        (("--build", "cpu", "--push", "--to", "docker.io/x"), "is no repository of an account"),
        (("--build", "cpu", "--push", "--to", f"{HOST}/other"), "has no repository other"),
    ],
)
def test_a_mistake_is_a_sentence(docker, ecr, capsys, options, sentence):
    assert main(list(options)) == 2

    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert sentence in err


def test_a_build_that_fails_ends_it(docker, ecr, capsys):
    docker(code=7)

    assert main(["--build", "all", *TO, "--push"]) == 1

    assert "docker build failed with exit code 7" in capsys.readouterr().err
    assert len(docker.calls()) == 1


def test_without_docker_it_is_said(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))

    assert main(["--build", "cpu", *TO]) == 1

    assert "docker was not found" in capsys.readouterr().err


def test_the_dockerfiles_take_what_the_digest_covers():
    """Whatever a Dockerfile copies is the package or the constraints."""
    for image in images("us-east-2"):
        text = Path(ROOT / image.dockerfile).read_text()
        copied = [line.split()[1:-1] for line in text.splitlines() if line.startswith("COPY ")]
        assert copied
        for name in (name for names in copied for name in names):
            assert name == "constraints.txt" or name.partition("/")[0] == "workloads"


@pytest.fixture
def scanned(ecr, pushed):
    """Scan the image, and say what is found."""

    def give(status="COMPLETE", **counts):
        ecr.start_image_scan(repositoryName="dev/workloads", imageId={"imageTag": pushed.tag})
        result = {
            "registryId": "123456789012",
            "repositoryName": "dev/workloads",
            "imageId": {"imageTag": pushed.tag},
            "imageScanStatus": {"status": status, "description": "as it is"},
            "imageScanFindings": {"findingSeverityCounts": counts},
        }
        results = {"results": [result], "region": "us-east-2"}
        at = "http://motoapi.amazonaws.com/moto-api/static/ecr/scan-finding-results"
        assert requests.post(at, json=results, timeout=PATIENCE).status_code == 201
        return pushed.tag

    return give


@pytest.mark.parametrize(
    ("counts", "code", "said"),
    [
        ({}, 0, "nothing found"),
        ({"LOW": 4, "HIGH": 2}, 0, "2 HIGH, 4 LOW"),
        ({"HIGH": 2, "CRITICAL": 1}, 1, "1 CRITICAL, 2 HIGH"),
    ],
)
def test_a_critical_finding_fails_the_command(scanned, capsys, counts, code, said):
    tag = scanned(**counts)

    assert main(["--findings", "cpu", *TO]) == code

    out, err = capsys.readouterr()
    assert out == f"{tag}: {said}\n"
    assert (f"critical findings in {tag}" in err) == (code == 1)


def test_findings_are_for_programs_too(scanned, capsys):
    tag = scanned(HIGH=2)

    assert main(["--findings", "cpu", *TO, "--json"]) == 0

    assert json.loads(capsys.readouterr().out) == [
        {"kind": "cpu", "tag": tag, "findings": {"HIGH": 2}}
    ]


def test_an_image_that_was_not_scanned_is_no_clean_one(pushed, capsys):
    assert main(["--findings", "cpu", *TO]) == 1

    assert "was never scanned" in capsys.readouterr().err


def test_a_scan_that_failed_is_no_clean_one(scanned, capsys):
    scanned("UNSUPPORTED_IMAGE")

    assert main(["--findings", "cpu", *TO]) == 1

    assert "is not scanned: UNSUPPORTED_IMAGE, as it is" in capsys.readouterr().err
