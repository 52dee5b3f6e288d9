"""The function of a pool, against moto's EC2, CloudWatch and EKS."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pytest
from moto import mock_aws
from moto.eks.models import eks_backends

from workloads import idle

METRIC = "node_neuroncore_utilization"
HOURS = 6
NOW = datetime.now(UTC)


class Clock(datetime):
    """Stands, so that no hour ends between what is told and what is asked."""

    @classmethod
    def now(cls, tz=None):
        return NOW


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    monkeypatch.setattr(idle, "datetime", Clock)


@pytest.fixture(scope="module")
def aws():
    """One moto for all, in which each test has a cluster of its own; without thousands of AMIs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "us-east-2")
        patch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        with mock_aws():
            yield boto3.client("eks"), boto3.client("ec2"), boto3.client("cloudwatch")


@pytest.fixture
def event(aws, request):
    """What the function is asked, of a cluster with one group of two nodes at least one."""
    eks, _, _ = aws
    cluster = re.sub(r"\W+", "-", request.node.name)[-90:].strip("-")
    role = "arn:aws:iam::123456789012:role/node"
    eks.create_cluster(name=cluster, roleArn=role, resourcesVpcConfig={"subnetIds": ["subnet-1"]})
    eks.create_nodegroup(
        clusterName=cluster,
        nodegroupName="trn1",
        subnets=["subnet-1"],
        nodeRole=role,
        scalingConfig={"minSize": 1, "maxSize": 4, "desiredSize": 2},
        taints=[{"key": "aws.amazon.com/neuron", "effect": "NO_SCHEDULE"}],
    )
    return {
        "cluster": cluster,
        "group": "trn1",
        "pool": "trn1",
        "namespace": "Pools/dev",
        "metric": METRIC,
        "look": HOURS,
        "sleep": HOURS,
    }


@pytest.fixture
def node(aws, event):
    """Give a running node of the group whose devices were so busy in the last hours, newest first.

    None: an hour without a word.
    """

    _, ec2, cloudwatch = aws

    def start(*percent, group="trn1", cluster=event["cluster"]):
        tags = {"eks:cluster-name": cluster, "eks:nodegroup-name": group}
        [instance] = ec2.run_instances(
            MinCount=1,
            MaxCount=1,
            ImageId="ami-12c6146b",
            TagSpecifications=[
                {
                    "ResourceType": "instance",
                    "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
                }
            ],
        )["Instances"]
        names = {
            "ClusterName": cluster,
            "InstanceId": instance["InstanceId"],
            "NodeName": instance["PrivateDnsName"],
        }
        now = NOW.replace(minute=0, second=0, microsecond=0)
        for back, value in enumerate(percent, start=1):
            if value is not None:
                cloudwatch.put_metric_data(
                    Namespace="ContainerInsights",
                    MetricData=[
                        {
                            "MetricName": METRIC,
                            "Dimensions": [{"Name": k, "Value": v} for k, v in names.items()],
                            "Timestamp": now - timedelta(hours=back) + timedelta(minutes=20),
                            "Value": value,
                        }
                    ],
                )

    return start


@pytest.fixture
def group(aws, event):
    """Give the node group's sizes and its taints' keys."""
    return lambda: _group(aws, event)


def _group(aws, event):
    eks, _, _ = aws
    found = eks.describe_nodegroup(clusterName=event["cluster"], nodegroupName="trn1")["nodegroup"]
    return found["scalingConfig"], found["taints"]


NEURON = {"key": "aws.amazon.com/neuron", "effect": "NO_SCHEDULE"}
AWAKE = ({"minSize": 1, "maxSize": 4, "desiredSize": 2}, [NEURON])


@pytest.mark.parametrize(
    ("nodes", "hours"),
    {
        "idle all the time": ([[0] * 6], 6),
        "worked four hours ago": ([[0, 0, 0, 40, 0, 0]], 3),
        "works": ([[30, 0, 0, 0, 0, 0]], 0),
        "one of two works": ([[0] * 6, [0, 50, 0, 0, 0, 0]], 1),
        "came two hours ago": ([[0, 0]], 2),
        "came this hour": ([[0] * 6, []], 0),
        "was silent for an hour": ([[0, None, 0, 0, 0, 0]], 1),
        "barely": ([[0.4] * 6], 6),
    }.values(),
)
def test_a_pool_is_idle_for_as_long_as_every_node_is_known_to_be(event, node, capsys, nodes, hours):
    for percent in nodes:
        node(*percent)

    told = idle.handler(event | {"sleep": 0})

    line = json.loads(capsys.readouterr().out)
    assert told == {"IdleHours": hours}
    assert (line["Pool"], line["Nodes"], line["IdleHours"]) == ("trn1", len(nodes), hours)


def test_what_is_told_is_a_metric_of_the_pool(event, node, capsys):
    node(0)

    idle.handler(event)

    line = json.loads(capsys.readouterr().out)
    [metrics] = line["_aws"]["CloudWatchMetrics"]
    assert metrics == {
        "Namespace": "Pools/dev",
        "Dimensions": [["Pool"]],
        "Metrics": [{"Name": "IdleHours"}],
    }
    assert abs(line["_aws"]["Timestamp"] / 1000 - NOW.timestamp()) < 600


def test_a_forgotten_pool_loses_its_minimum_and_its_pods(event, node, group):
    node(*[0] * 6)

    told = idle.handler(event)

    assert told == {"IdleHours": 6, "PutToSleep": 1}
    scaling, taints = group()
    assert (scaling["minSize"], scaling["maxSize"]) == (0, 4)
    assert taints == [NEURON, idle.TAINT]


def test_the_taint_evicts_and_is_the_one_that_the_runbook_takes_away(event, node, group):
    node(*[0] * 6)
    idle.handler(event)

    _, [_, taint] = group()
    assert taint["effect"] == "NO_EXECUTE"
    text = ",".join(f"{key}={value}" for key, value in taint.items())
    runbooks = (Path(__file__).parents[2] / "docs" / "runbooks.md").read_text()
    assert f"removeTaints=[{{{text}}}]" in runbooks


def test_nodes_that_are_still_there_an_hour_later_are_taken_away(event, node, group):
    node(*[0] * 6)

    for desired in (2, 0):
        idle.handler(event)
        assert group()[0]["desiredSize"] == desired


@pytest.mark.parametrize(
    ("percent", "asked"),
    [
        ([0, 0, 0, 0, 0, 9], {}),  # five hours
        ([0] * 6, {"sleep": 0}),  # a pool that did not ask for it
        ([0] * 3, {}),  # too young to tell
    ],
)
def test_no_other_pool_is_touched(event, node, group, percent, asked):
    node(*percent)

    idle.handler(event | asked)

    assert group() == AWAKE


@pytest.mark.parametrize("elsewhere", [{"group": "inf2"}, {"cluster": "d"}])
def test_a_pool_without_nodes_tells_nothing_whatever_others_do(
    event, node, group, capsys, elsewhere
):
    node(*[0] * 6, **elsewhere)

    assert idle.handler(event) == {}
    assert capsys.readouterr().out == ""
    assert group() == AWAKE


def test_a_group_that_is_being_changed_is_left_for_the_next_hour(event, node, group, monkeypatch):
    node(*[0] * 6)
    cluster = eks_backends["123456789012"]["us-east-2"].clusters[event["cluster"]]
    monkeypatch.setattr(cluster.nodegroups["trn1"], "status", "UPDATING")

    assert idle.handler(event) == {"IdleHours": 6, "PutToSleep": 0}
    assert group() == AWAKE
