import json
import uuid

import pytest
from rich.console import Console

from operations.embedded.report import Report, inspect
from tests.operations.embedded.extension.lifecycle import ROLE, ref

ENCRYPTED = {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}
BUCKET = {
    "Type": "AWS::S3::Bucket",
    "Properties": {
        "BucketEncryption": {"ServerSideEncryptionConfiguration": [ENCRYPTED]},
        "VersioningConfiguration": {"Status": "Enabled"},
    },
}
ROLE_OF_ITS_OWN = {
    "Type": "AWS::IAM::Role",
    "Properties": {
        "AssumeRolePolicyDocument": {
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "ec2.amazonaws.com"},
                    "Action": "sts:AssumeRole",
                }
            ]
        },
        "ManagedPolicyArns": ["arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy"],
    },
}


@pytest.fixture
def environment(stack) -> str:
    """The name of an environment that has the test's stack alone."""
    name = f"e{uuid.uuid4().hex[:8]}"
    stack.name = f"{name}-only"
    return name


def classified(report: Report) -> dict[str, tuple[str, str]]:
    return {finding.logical_id: (finding.status, finding.reason) for finding in report.findings}


def test_what_its_service_shows_in_full_is_verified(emulator, stack, environment):
    stack.deploy({"Bucket": BUCKET, "Role": ROLE_OF_ITS_OWN}, {"Name": ref("Bucket")})

    report = inspect(emulator, environment=environment)

    assert classified(report) == {"Bucket": ("verified", ""), "Role": ("verified", "")}
    assert report.outputs == {"Name": stack.id("Bucket")}


def weaken(stack) -> None:
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    stack.client("s3").put_bucket_encryption(
        Bucket=stack.id("It"), ServerSideEncryptionConfiguration={"Rules": [rule]}
    )


def detach(stack) -> None:
    arn = "arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy"
    stack.client("iam").detach_role_policy(RoleName=stack.id("It"), PolicyArn=arn)


ENCRYPTION = "BucketEncryption.Rules.ApplyServerSideEncryptionByDefault"


@pytest.mark.parametrize(
    ("resource", "damage", "reason"),
    [
        (BUCKET, weaken, f"lost: {ENCRYPTION}.KMSMasterKeyID, {ENCRYPTION}.SSEAlgorithm"),
        (ROLE_OF_ITS_OWN, detach, "lost: ManagedPolicyArns"),
    ],
)
def test_what_lost_a_property_is_altered(emulator, stack, environment, resource, damage, reason):
    stack.deploy({"It": resource})
    damage(stack)

    report = inspect(emulator, environment=environment)

    assert classified(report) == {"It": ("altered", reason)}


def test_what_the_emulator_cannot_keep_is_altered(emulator, stack, environment):
    metric = {"Metric": {"Namespace": "N", "MetricName": "M"}, "Period": 60, "Stat": "Sum"}
    alarm = {
        "ComparisonOperator": "GreaterThanThreshold",
        "EvaluationPeriods": 1,
        "Threshold": 5,
        "Metrics": [
            {"Id": "a", "MetricStat": metric, "ReturnData": False},
            {"Id": "b", "Expression": "a * 2"},
        ],
    }

    stack.deploy({"It": {"Type": "AWS::CloudWatch::Alarm", "Properties": alarm}})

    report = inspect(emulator, environment=environment)
    assert classified(report) == {"It": ("altered", "lost: Metrics")}


def test_what_nothing_looks_for_is_declared(emulator, stack, environment):
    stack.deploy({"It": {"Type": "AWS::SQS::Queue"}})

    report = inspect(emulator, environment=environment)

    assert classified(report) == {
        "It": ("declared", "nothing here looks for resources of its type")
    }


def test_what_its_service_does_not_know_is_declared(emulator, stack, environment):
    stack.deploy({"It": BUCKET})
    emulator.client("s3").delete_bucket(Bucket=stack.id("It"))

    report = inspect(emulator, environment=environment)

    assert classified(report) == {"It": ("declared", "its own service does not know it")}
    stack.exists = False


def test_an_endpoint_is_declared_however_well_its_properties_are_kept(emulator, stack, environment):
    model = {"ExecutionRoleArn": ROLE, "PrimaryContainer": {"Image": "image:1"}}
    variant = {
        "VariantName": "main",
        "ModelName": {"Fn::GetAtt": ["Model", "ModelName"]},
        "InstanceType": "ml.inf2.xlarge",
        "InitialInstanceCount": 1,
    }
    configuration = {"Fn::GetAtt": ["Config", "EndpointConfigName"]}
    stack.deploy(
        {
            "Model": {"Type": "AWS::SageMaker::Model", "Properties": model},
            "Config": {
                "Type": "AWS::SageMaker::EndpointConfig",
                "Properties": {"ProductionVariants": [variant]},
            },
            "It": {
                "Type": "AWS::SageMaker::Endpoint",
                "Properties": {"EndpointConfigName": configuration},
            },
        }
    )

    report = inspect(emulator, environment=environment)

    assert report.counts == {"verified": 2, "declared": 1, "altered": 0}
    [remark] = report.remarks
    assert remark["logical_id"] == "It"
    assert report.caveats["AWS::SageMaker::Model"] == "a record of our own"


def test_the_report_is_json_and_a_table(emulator, stack, environment):
    stack.deploy({"Bucket": BUCKET, "Queue": {"Type": "AWS::SQS::Queue"}})

    report = inspect(emulator, environment=environment)
    console = Console(width=120)
    with console.capture() as capture:
        console.print(report.table())

    facts = json.loads(json.dumps(report.facts()))
    assert facts["counts"] == {"verified": 1, "declared": 1, "altered": 0}
    assert facts["stacks"][0]["status"] == "CREATE_COMPLETE"
    assert stack.name in capture.get()
