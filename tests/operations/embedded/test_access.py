"""The roles of the demo's stacks under IAM: they suffice, and each statement is needed."""

import json

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from operations.demo import access
from operations.embedded.access import assumed, decisions, deployer
from operations.embedded.cdk import Cdk
from operations.embedded.emulator import Emulator, EmulatorError
from operations.embedded.report import inspect, resources_of

BUCKETS = ("DataBucket", "CheckpointsBucket", "ModelsBucket", "ArtifactsBucket")
NOVA = "us.amazon.nova-lite-v1:0"


@pytest.fixture(scope="module")
def aws(tmp_path_factory):
    """The demo's cluster, gateway and what they need, deployed."""
    folder = tmp_path_factory.mktemp("access")
    with Emulator(folder=folder, region="us-east-2") as aws:
        cdk = Cdk(aws, folder=folder)
        cdk.bootstrap()
        cdk.deploy("demo/{cluster,gateway}")
        yield aws


@pytest.fixture(scope="module")
def outputs(aws):
    return inspect(aws, environment="demo").outputs


@pytest.fixture
def client(aws):
    """Make a client of a service that signs with the credentials."""

    def make(credentials, service):
        return boto3.client(
            service,
            endpoint_url=aws.url,
            region_name=aws.region,
            aws_access_key_id=credentials["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=credentials["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=credentials.get("AWS_SESSION_TOKEN"),
            config=Config(retries={"total_max_attempts": 1}),
        )

    return make


def of(aws, stack, kind):
    """The one resource of a type in a stack of the demo."""
    [found] = [one for one in resources_of(aws, f"demo-{stack}") if one.type == kind]
    return found


def simulated(aws, role, action, resource):
    """What the emulator does not answer, so that IAM is only asked for its decision."""

    def call():
        [result] = aws.client("iam").simulate_principal_policy(
            PolicySourceArn=role, ActionNames=[action], ResourceArns=[resource]
        )["EvaluationResults"]
        if result["EvalDecision"] != "allowed":
            error = {"Code": "AccessDenied", "Message": f"{action} on {resource}"}
            raise ClientError({"Error": error}, action)

    return call


@pytest.fixture
def calls_of_pods(aws, client, outputs):
    """What the stages do with the buckets."""
    credentials = access.of_pods(aws, "demo-cluster")
    s3, kms = client(credentials, "s3"), client(credentials, "kms")
    cloudwatch = client(credentials, "cloudwatch")
    metric = [{"MetricName": "SecondsSinceStep", "Value": 1.0}]
    key = of(aws, "storage", "AWS::KMS::Key").id
    secret = aws.client("kms").encrypt(KeyId=key, Plaintext=b"a")["CiphertextBlob"]
    calls = [  # which S3 makes in the name of the one who calls it
        lambda: kms.generate_data_key(KeyId=key, KeySpec="AES_256"),
        lambda: kms.decrypt(CiphertextBlob=secret),
        lambda: cloudwatch.put_metric_data(Namespace="Training/demo", MetricData=metric),
    ]
    for bucket in (outputs[name] for name in BUCKETS):
        at = {"Bucket": bucket, "Key": "access/a"}
        calls += [
            lambda at=at: s3.put_object(**at, Body=b"a"),
            lambda at=at: s3.head_object(**at),
            lambda bucket=bucket: s3.list_objects_v2(Bucket=bucket, Prefix="access/"),
            lambda at=at: s3.delete_object(**at),
        ]
    return calls


@pytest.fixture
def calls_of_gateway(aws, client, outputs):
    """What the gateway does for requests."""
    credentials = access.of_gateway(aws, "demo-gateway")
    bedrock = client(credentials, "bedrock-runtime")
    dynamodb = client(credentials, "dynamodb")
    task = of(aws, "gateway", "AWS::ECS::TaskDefinition")
    endpoint = f"arn:aws:sagemaker:{aws.region}:{aws.account}:endpoint/demo-tiny-llama"
    item = {"pk": {"S": "access"}, "sk": {"S": "a"}}
    ask = {"messages": [{"role": "user", "content": [{"text": "Hello"}]}]}
    return [
        lambda: bedrock.converse(modelId=NOVA, **ask),
        lambda: bedrock.converse_stream(modelId=NOVA, **ask),
        lambda: bedrock.apply_guardrail(
            guardrailIdentifier=outputs["GuardrailId"],
            guardrailVersion=outputs["GuardrailVersion"],
            source="INPUT",
            content=[{"text": {"text": "Hello"}}],
        ),
        lambda: dynamodb.get_item(
            TableName=outputs["TenantsTable"], Key={"key_sha256": {"S": "0" * 64}}
        ),
        lambda: dynamodb.transact_write_items(
            TransactItems=[{"Put": {"TableName": outputs["LedgerTable"], "Item": item}}]
        ),
        lambda: bedrock.count_tokens(modelId=NOVA.partition(".")[2], input={"converse": ask}),
        simulated(aws, task.properties["TaskRoleArn"], "sagemaker:InvokeEndpoint", endpoint),
    ]


def refused(calls):
    """What IAM says to the calls it refuses; what fails for another reason was let through."""
    found = []
    for call in calls:
        try:
            call()
        except ClientError as error:
            if error.response["Error"]["Code"] in ("AccessDenied", "AccessDeniedException"):
                found.append(error.response["Error"]["Message"])
    return found


@pytest.mark.parametrize(
    ("stack", "role", "fixture"),
    [
        ("cluster", "WorkloadAccessRole", "calls_of_pods"),
        ("gateway", "ServiceTaskTaskRole", "calls_of_gateway"),
    ],
)
def test_a_role_suffices_and_each_of_its_statements_is_needed(aws, request, stack, role, fixture):
    calls = request.getfixturevalue(fixture)
    iam = aws.client("iam")
    [policy] = [
        one.properties
        for one in resources_of(aws, f"demo-{stack}")
        if one.type == "AWS::IAM::Policy" and one.logical_id.startswith(role)
    ]
    whole = policy["PolicyDocument"]
    at = {"RoleName": policy["Roles"][0], "PolicyName": policy["PolicyName"]}

    def put(statements):
        iam.put_role_policy(**at, PolicyDocument=json.dumps(whole | {"Statement": statements}))

    assert refused(calls) == []
    idle = []
    for statement in whole["Statement"]:
        put([other for other in whole["Statement"] if other is not statement])
        if not refused(calls):
            idle.append(statement)
    put(whole["Statement"])

    # DynamoDB's own calls of KMS are not emulated, and the role may make no others.
    assert [one for one in idle if "kms:ViaService" not in str(one.get("Condition"))] == []
    assert refused(calls) == []


def test_who_deploys_may_use_the_roles_of_the_bootstrap_alone(aws, client, outputs):
    credentials = deployer(aws)

    with pytest.raises(ClientError, match="AccessDenied"):
        client(credentials, "s3").list_objects_v2(Bucket=outputs["DataBucket"])
    with pytest.raises(ClientError, match="AccessDenied"):
        client(credentials, "cloudformation").describe_stacks()

    refusals = [one for one in decisions(aws) if not one.allowed]
    assert any("deployer was refused s3:ListBucket" in str(one) for one in refusals)


def test_a_role_is_handed_only_to_the_service_that_it_trusts(aws):
    role = of(aws, "gateway", "AWS::ECS::TaskDefinition").properties["TaskRoleArn"]

    with pytest.raises(EmulatorError, match=r"not lambda\.amazonaws\.com"):
        assumed(aws, role, service="lambda.amazonaws.com")


def test_pods_publish_metrics_into_their_own_namespace_alone(aws, client):
    cloudwatch = client(access.of_pods(aws, "demo-cluster"), "cloudwatch")
    metric = [{"MetricName": "SecondsSinceStep", "Value": 1.0}]

    with pytest.raises(ClientError, match="AccessDenied"):
        cloudwatch.put_metric_data(Namespace="Gateway", MetricData=metric)


def test_a_refusal_fails_the_demo(aws):
    with pytest.raises(RuntimeError, match="was refused"):
        access.summary(decisions(aws))
