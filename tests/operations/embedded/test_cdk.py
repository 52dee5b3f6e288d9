import os
import shutil
import signal
import sys
import tomllib
from pathlib import Path

import pytest
import tomli_w

from operations.embedded.cdk import Cdk, CdkError
from operations.embedded.emulator import Emulator
from operations.embedded.extension.handler import Place
from operations.embedded.report import inspect
from operations.embedded.verify.kubernetes import contents
from stacks.config import ENVIRONMENTS
from tests.operations.embedded.inventory import everything

# What the emulator's own services cannot keep or show, and nothing else.
LOST = {
    ("AWS::CloudWatch::Alarm", "lost: Metrics"),
    ("AWS::CloudWatch::Dashboard", "lost: Tags"),
    ("AWS::EC2::FlowLog", "lost: DeliverLogsPermissionArn, LogGroupName"),
}
# What the emulator has nothing behind, or no schema for.
DECLARED = {
    "AWS::SageMaker::Endpoint",
    "Custom::AWSCDK-EKS-HelmChart",
    "Custom::AWSCDK-EKS-KubernetesResource",
}
LEFT_ON_AWS_TOO = "/aws/lambda/"  # a function makes its log group itself


@pytest.fixture
def environments(tmp_path: Path) -> Path:
    """A folder with the demo's environment file alone, for a test to change."""
    folder = tmp_path / "environments"
    folder.mkdir()
    shutil.copy(ENVIRONMENTS / "demo.toml", folder)
    return folder


@pytest.fixture
def cdk(emulator: Emulator, tmp_path: Path, environments: Path) -> Cdk:
    cdk = Cdk(emulator, folder=tmp_path, environments=environments)
    cdk.bootstrap()
    return cdk


def statuses(emulator: Emulator) -> dict[str, str]:
    return {stack.name: stack.status for stack in inspect(emulator, environment="demo").stacks}


def place(emulator: Emulator) -> Place:
    return Place(emulator.url, emulator.account, emulator.region)


def is_queue(manifest: dict) -> bool:
    return manifest["kind"] == "ClusterQueue"


def scaling(emulator: Emulator) -> dict:
    eks = emulator.client("eks")
    [cluster] = eks.list_clusters()["clusters"]
    [group] = [g for g in eks.list_nodegroups(clusterName=cluster)["nodegroups"] if "epyc" in g]
    described = eks.describe_nodegroup(clusterName=cluster, nodegroupName=group)
    return described["nodegroup"]["scalingConfig"]


def test_the_demo_is_deployed_kept_updated_and_destroyed(emulator, cdk, environments):
    before = everything(emulator)
    said: list[str] = []

    outputs = cdk.deploy("demo/*", on_event=said.append)
    report = inspect(emulator, environment="demo")
    settled = statuses(emulator)

    config = tomllib.loads((environments / "demo.toml").read_text())
    pools = {f"demo-pool-{pool['name']}" for pool in config["pools"]}
    assert pools < settled.keys()
    assert set(settled.values()) == {"CREATE_COMPLETE"}
    assert outputs["demo-storage"]["DataBucket"] == report.outputs["DataBucket"]
    told = " ".join(line for line in said if line.endswith("CREATE_COMPLETE"))
    assert [f.logical_id for f in report.findings if f"({f.logical_id})" not in told] == []
    altered = {(f.type, f.reason) for f in report.findings if f.status == "altered"}
    assert altered <= LOST, altered - LOST
    declared = {f.type for f in report.findings if f.status == "declared"}
    assert declared == DECLARED
    held = contents(place(emulator), outputs["demo-cluster"]["ClusterName"])
    assert {release["Release"] for release in held["releases"]} >= {"neuron", "jobset", "kueue"}
    queues = {o["manifest"]["metadata"]["name"] for o in held["objects"] if is_queue(o["manifest"])}
    assert queues == {pool["name"] for pool in config["pools"]}

    assert "Number of stacks with differences: 0" in cdk.diff("demo/*")
    said.clear()
    cdk.deploy("demo/*", on_event=said.append)
    assert said == []
    assert statuses(emulator) == settled

    assert scaling(emulator)["maxSize"] == 2
    [epyc] = [pool for pool in config["pools"] if pool["name"] == "epyc"]
    epyc["max_nodes"] = 5
    (environments / "demo.toml").write_text(tomli_w.dumps(config))
    cdk.deploy("demo/*")
    assert scaling(emulator)["maxSize"] == 5
    assert statuses(emulator) == settled | {"demo-pool-epyc": "UPDATE_COMPLETE"}

    assert len(everything(emulator) - before) > len(report.findings) / 2
    s3 = emulator.client("s3")
    s3.put_object(Bucket=outputs["demo-storage"]["DataBucket"], Key="shard", Body=b"tokens")
    cdk.destroy("demo/*")
    left = everything(emulator) - before
    assert {identity for *_, identity in left if LEFT_ON_AWS_TOO not in identity} == set()
    assert statuses(emulator) == {}


BROKEN = """
import aws_cdk as cdk
from aws_cdk import aws_sagemaker as sagemaker, aws_ssm as ssm

app = cdk.App()
stack = cdk.Stack(app, "broken")
good = ssm.CfnParameter(stack, "Good", type="String", value="v", name="/good")
bad = sagemaker.CfnEndpoint(stack, "Bad", endpoint_name="bad", endpoint_config_name="none")
bad.add_dependency(good)
app.synth()
"""


def test_a_failing_resource_rolls_its_stack_back_and_is_named(emulator, tmp_path):
    (tmp_path / "app.py").write_text(BROKEN)
    cdk = Cdk(emulator, folder=tmp_path, app=f"{sys.executable} {tmp_path / 'app.py'}")
    cdk.bootstrap()

    with pytest.raises(CdkError) as caught:
        cdk.deploy()

    sentence = str(caught.value)
    assert sentence.startswith("stack broken failed at Bad (AWS::SageMaker::Endpoint): ")
    assert "Could not find endpoint configuration 'none'" in sentence
    assert sentence.endswith(f"see {cdk.log}")
    names = [p["Name"] for p in emulator.client("ssm").describe_parameters()["Parameters"]]
    assert "/good" not in names
    cdk.destroy()


def test_an_emulator_that_dies_is_what_failed(tmp_path):
    with Emulator(folder=tmp_path / "aws", region="us-east-2") as emulator:
        cdk = Cdk(emulator, folder=tmp_path)
        os.kill(emulator.process.pid, signal.SIGKILL)
        with pytest.raises(CdkError) as caught:
            cdk.bootstrap()

    assert str(caught.value).startswith("the embedded AWS was killed by SIGKILL")
    assert str(caught.value).endswith(f"see {emulator.log}")
