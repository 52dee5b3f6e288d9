"""The commands as they are typed."""

import json
import tomllib

import pytest

from tests.workloads.deploy.fakes import (
    ACCOUNT,
    REGION,
    Bedrock,
    SageMaker,
    change,
    client,
    served,
)
from workloads.artefacts.toolchain import toolchain
from workloads.command import InputError
from workloads.deploy import commands
from workloads.deploy.__main__ import COMMANDS, main
from workloads.deploy.bedrock import Importer
from workloads.deploy.endpoint import Deployer
from workloads.deploy.imports import Imports
from workloads.deploy.optimum import check_export
from workloads.deploy.package import measure, read_package
from workloads.files import open_folder
from workloads.versions import VERSIONS


def pool_command(model: str, cache: str, *more: str) -> list[str]:
    return [
        *("pool", "--model", model, "--cache", cache, "--pool", "inf2", "--name", "tiny"),
        *("--instance-type", "inf2.xlarge", "--dry-run", *more),
    ]


@pytest.mark.parametrize("argv", [[], ["--help"]])
def test_help_names_every_command(argv, capsys):
    assert main(argv) == 0

    said = capsys.readouterr().out
    assert all(f"workloads.deploy {name}" in said for name in COMMANDS)


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["serve"], "'serve' is none of upload, pool, endpoint, bedrock"),
        (["upload"], "the following arguments are required"),
        (["upload", "--model", "/nowhere", "--to", "x"], "/nowhere has no files"),
        (pool_command("model", "s3://b/cache"), "model is no s3:// URI"),
        (pool_command("s3://b/m", "s3://b/c", "--max-replicas", "1"), "at least 2"),
    ],
)
def test_a_mistake_is_one_sentence(argv, said, bucket, capsys):
    assert main(argv) == 2

    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("deploy: ")
    assert said in line


def test_a_folder_that_cannot_be_deployed_is_not_sent(folder, bucket, capsys):
    change(folder / "config.json", rope_theta=None)

    assert main(["upload", "--model", str(folder), "--to", f"{bucket}/tiny"]) == 2

    assert open_folder(f"{bucket}/tiny").names() == []


def test_any_other_folder_is_sent_as_it_is(tmp_path, bucket):
    (tmp_path / "graphs").mkdir()
    (tmp_path / "graphs" / "x.neff").write_bytes(b"x")

    assert main(["upload", "--as-is", "--model", str(tmp_path / "graphs"), "--to", bucket]) == 0

    assert list(read_package(open_folder(bucket)).files) == ["x.neff"]


def test_what_a_pool_serves_is_printed_for_kubectl(published, compiled, folder, capsys):
    capsys.readouterr()
    assert main(pool_command(published, compiled)) == 0

    listed = json.loads(capsys.readouterr().out)
    assert (listed["apiVersion"], listed["kind"]) == ("v1", "List")
    kinds = [each["kind"] for each in listed["items"]]
    assert kinds == ["ConfigMap", "Deployment", "Service", "PodDisruptionBudget"]
    [model, graphs] = listed["items"][1]["spec"]["template"]["spec"]["initContainers"]
    assert model["command"][2] == published
    assert model["command"][-1] == measure(folder).sha256
    assert graphs["command"][2].startswith(f"{compiled}/decoder/")
    [main_container] = listed["items"][1]["spec"]["template"]["spec"]["containers"]
    assert main_container["image"] == toolchain("inf2.xlarge", "serve").image


def test_nothing_is_rendered_that_would_have_to_be_compiled_first(published, compiled, capsys):
    capsys.readouterr()
    assert main(pool_command(published, compiled, "--batch", "8")) == 1

    told = capsys.readouterr()
    assert told.out == ""
    assert "1 compiled artefact not ready" in told.err
    assert "batch 8" in told.err


def test_a_model_must_be_published_before_pods_can_fetch_it(folder, bucket, compiled, capsys):
    for file in folder.iterdir():
        open_folder(f"{bucket}/bare").upload(file, file.name)
    capsys.readouterr()

    assert main(pool_command(f"{bucket}/bare", compiled)) == 2

    assert "python -m workloads.deploy upload" in capsys.readouterr().err


def test_an_endpoint_gets_its_model_beside_the_former_one(exported, bucket, monkeypatch, capsys):
    name = bucket.removeprefix("s3://")
    with served(SageMaker()) as url:
        api = client("sagemaker", url)
        stack_made(api, f"s3://{name}/tiny/")
        runtime = client("sagemaker-runtime", url)
        monkeypatch.setattr(commands, "Deployer", lambda *_: Deployer(api, runtime, poll_seconds=0))
        argv = ["endpoint", "--model", str(exported), "--endpoint", "dev-tiny"]

        assert main(argv) == 0
        digest = measure(exported).sha256[:12]
        assert capsys.readouterr().out == f"dev-tiny now serves s3://{name}/tiny.{digest}\n"
        assert main(argv) == 0
        assert capsys.readouterr().out == f"dev-tiny already served s3://{name}/tiny.{digest}\n"

        change(exported / "neuron_config.json", target="trn1", tp_degree=4)
        assert main(argv) == 2
        said = capsys.readouterr().err
        assert "compiled for trn1, and the chips are inf2" in said
        assert "needs 4 NeuronCores, and there are 2" in said
    package = read_package(open_folder(f"s3://{name}/tiny.{digest}"))
    assert "checkpoint/model.safetensors" in package.files


def stack_made(api, uri: str) -> None:
    source = {"S3Uri": uri, "S3DataType": "S3Prefix", "CompressionType": "None"}
    image = VERSIONS.sagemaker.uri(REGION)
    container = {"Image": image, "ModelDataSource": {"S3DataSource": source}}
    role = f"arn:aws:iam::{ACCOUNT}:role/endpoint"
    api.create_model(ModelName="first", ExecutionRoleArn=role, PrimaryContainer=container)
    variant = {"VariantName": "main", "ModelName": "first", "InstanceType": "ml.inf2.xlarge"}
    api.create_endpoint_config(
        EndpointConfigName="first", ProductionVariants=[variant | {"InitialInstanceCount": 1}]
    )
    api.create_endpoint(EndpointName="dev-tiny", EndpointConfigName="first")
    api.describe_endpoint(EndpointName="dev-tiny")


def test_an_imported_model_is_a_row_for_the_gateway(folder, bucket, monkeypatch, capsys):
    bedrock = Bedrock()
    with served(bedrock) as url:
        importer = Importer(client("bedrock", url), client("bedrock-runtime", url), poll_seconds=0)
        monkeypatch.setattr(commands.into_bedrock, "Importer", lambda *_: importer)

        code = main(
            [
                *("bedrock", "--model", str(folder), "--to", f"{bucket}/bedrock"),
                *("--name", "tiny-llama", "--role", f"arn:aws:iam::{ACCOUNT}:role/import"),
            ]
        )

    assert code == 0
    [row] = tomllib.loads(capsys.readouterr().out)["models"]
    assert row["name"] == "tiny-llama"
    [job] = bedrock.jobs
    uri = job["modelDataSource"]["s3DataSource"]["s3Uri"]
    assert read_package(open_folder(uri.rstrip("/"))) == measure(folder)


def test_without_a_role_the_storage_stacks_is_taken(folder, bucket, monkeypatch, capsys):
    bedrock = Bedrock()
    role, prefix = f"arn:aws:iam::{ACCOUNT}:role/stack", f"{bucket}/bedrock"
    found = [Imports(stack="dev-storage", role=role, prefix=prefix)]
    monkeypatch.setattr(commands.imports, "find", lambda _: found)
    with served(bedrock) as url:
        importer = Importer(client("bedrock", url), client("bedrock-runtime", url), poll_seconds=0)
        monkeypatch.setattr(commands.into_bedrock, "Importer", lambda *_: importer)

        assert main(["bedrock", "--model", str(folder), "--name", "tiny-llama"]) == 0

    [job] = bedrock.jobs
    assert job["roleArn"] == role
    assert job["modelDataSource"]["s3DataSource"]["s3Uri"].startswith(f"{prefix}/tiny-llama/")


def test_a_role_of_ones_own_reads_what_only_its_owner_knows(folder, capsys):
    argv = ["bedrock", "--model", str(folder), "--name", "a", "--role", "r"]

    assert main(argv) == 2
    assert "--role needs --to" in capsys.readouterr().err


def test_bedrock_reads_from_s3_only(folder, tmp_path, capsys):
    argv = ["bedrock", "--model", str(folder), "--to", str(tmp_path), "--name", "a", "--role", "r"]

    assert main(argv) == 2
    assert "is not s3://bucket/prefix" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change_it", "said"),
    [
        ({"optimum_neuron_version": "0.3.0"}, "by optimum-neuron 0.3.0, and the image has 0.4.5"),
        ({"checkpoint_id": "org/model"}, "come from the hub (org/model)"),
    ],
)
def test_an_export_that_the_container_would_refuse(exported, change_it, said):
    change(exported / "neuron_config.json", **change_it)

    with pytest.raises(InputError) as refused:
        check_export(exported, "ml.inf2.xlarge")
    assert said in str(refused.value)


@pytest.mark.parametrize("lost", ["config.json", "model.pt", "checkpoint/model.safetensors"])
def test_an_export_that_lacks_a_file(exported, lost):
    (exported / lost).unlink()

    with pytest.raises(InputError, match=r"missing|no weights"):
        check_export(exported, "ml.inf2.xlarge")


@pytest.mark.parametrize(
    ("name", "base"), [("tiny", "tiny"), ("tiny.0123456789ab", "tiny"), ("a.b", "a.b")]
)
def test_each_version_lies_beside_the_first(name, base, folder):
    package = measure(folder)

    assert commands.beside(f"s3://m/{name}", package) == f"s3://m/{base}.{package.sha256[:12]}"
