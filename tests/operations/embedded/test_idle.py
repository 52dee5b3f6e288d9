"""The function of a pool and its role, as the pool's stack makes them: run by the embedded AWS.

It has no UpdateNodegroupConfig; how a pool is put to sleep is in tests/workloads/test_idle.py.
"""

import json
from datetime import UTC, datetime, timedelta

import pytest


def of_idle(stack, kind):
    """The one resource of a type that the function's construct makes."""
    [found] = [value for name, value in stack.every(kind).items() if name.startswith("Idle")]
    return found


@pytest.fixture
def function(stacks, stack):
    """The function of dev's trn1 with its role; name, and what the rule hands it."""
    of_pool = stacks("dev")["pool-trn1"]
    properties = of_idle(of_pool, "AWS::Lambda::Function")
    kept = ("Architectures", "Code", "Handler", "MemorySize", "Runtime", "Timeout")
    wanted = {name: properties[name] for name in kept}
    _, looks, _ = of_idle(of_pool, "AWS::IAM::Policy")["PolicyDocument"]["Statement"]
    policy = {"Version": "2012-10-17", "Statement": [looks]}
    trust = of_idle(of_pool, "AWS::IAM::Role")["AssumeRolePolicyDocument"]
    policies = [{"PolicyName": "Idle", "PolicyDocument": policy}]
    stack.deploy(
        {
            "Role": {
                "Type": "AWS::IAM::Role",
                "Properties": {"AssumeRolePolicyDocument": trust, "Policies": policies},
            },
            "Function": {
                "Type": "AWS::Lambda::Function",
                "Properties": wanted | {"Role": {"Fn::GetAtt": ["Role", "Arn"]}},
            },
        }
    )
    assert stack.status == "CREATE_COMPLETE", stack.reasons
    [target] = of_pool.only("AWS::Events::Rule")["Targets"]
    parts = target["Input"]["Fn::Join"][1]
    event = json.loads("".join(part if isinstance(part, str) else "trn1" for part in parts))
    return stack.id("Function"), event


@pytest.fixture
def node(stack, function):
    """An old node of the group trn1 of the cluster trn1, which never worked."""
    _, event = function
    ec2, cloudwatch = map(stack.client, ("ec2", "cloudwatch"))
    tags = {"eks:cluster-name": "trn1", "eks:nodegroup-name": "trn1"}
    [instance] = ec2.run_instances(
        ImageId="ami-12345678",
        MinCount=1,
        MaxCount=1,
        TagSpecifications=[
            {
                "ResourceType": "instance",
                "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
            }
        ],
    )["Instances"]
    names = {
        "ClusterName": "trn1",
        "InstanceId": instance["InstanceId"],
        "NodeName": instance["PrivateDnsName"],
    }
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    for back in range(event["look"] + 1):  # this hour too, should it end meanwhile
        cloudwatch.put_metric_data(
            Namespace="ContainerInsights",
            MetricData=[
                {
                    "MetricName": event["metric"],
                    "Dimensions": [{"Name": k, "Value": v} for k, v in names.items()],
                    "Timestamp": now - timedelta(hours=back),
                    "Value": 0,
                }
            ],
        )
    yield
    ec2.terminate_instances(InstanceIds=[instance["InstanceId"]])


def test_it_tells_for_how_long_the_pool_has_been_idle(stack, function, node):
    name, event = function

    answer = stack.client("lambda").invoke(
        FunctionName=name, Payload=json.dumps(event | {"sleep": 0})
    )

    told = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, told
    assert told == {"IdleHours": 6}
