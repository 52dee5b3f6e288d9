import tomllib

import pytest

from workloads.gateway.config import GatewayFile

RUNNING = ["demo", "prod", "closed", "open"]
every = pytest.mark.parametrize("environment", RUNNING)


def settings(stack):
    """What GATEWAY_CONFIG holds, with names of resources in place of references."""
    [container] = stack.only("AWS::ECS::TaskDefinition")["ContainerDefinitions"]
    [value] = [e["Value"] for e in container["Environment"] if e["Name"] == "GATEWAY_CONFIG"]
    _, parts = value["Fn::Join"]
    return tomllib.loads("".join("1" if isinstance(part, dict) else part for part in parts))


@every
def test_the_tasks_settings_are_a_gateway_file(stacks, environment):
    file = GatewayFile.model_validate(settings(stacks(environment)["gateway"]))

    assert file.guardrail is not None
    assert file.models


def test_they_hold_the_configured_models(stacks):
    models = settings(stacks("prod")["gateway"])["models"]

    assert [model["name"] for model in models] == ["nova", "own", "endpoint"]
    assert models[0]["price"] == {"input": 0.06, "output": 0.24}


def test_an_endpoint_of_the_environment_is_called_by_its_own_name(stacks):
    models = {m["name"]: m for m in settings(stacks("closed")["gateway"])["models"]}

    endpoint = stacks("closed")["endpoint-big"].only("AWS::SageMaker::Endpoint")

    assert models["big"]["sagemaker"] == endpoint["EndpointName"] == "closed-big"
    assert models["elsewhere"]["sagemaker"] == "Another-Endpoint"


def task_permissions(stack):
    [policy] = [
        policy["PolicyDocument"]["Statement"]
        for name, policy in stack.every("AWS::IAM::Policy").items()
        if "TaskRole" in name
    ]
    return {
        action: statement
        for statement in policy
        for action in (
            statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        )
    }


def test_only_configured_endpoints_may_be_invoked(stacks):
    statement = task_permissions(stacks("closed")["gateway"])["sagemaker:InvokeEndpoint"]

    # SageMaker writes names in lower case in ARNs.
    assert set(statement["Resource"]) == {
        "arn:aws:sagemaker:us-west-2:111122223333:endpoint/closed-big",
        "arn:aws:sagemaker:us-west-2:111122223333:endpoint/another-endpoint",
    }


def test_without_an_endpoint_none_may_be_invoked(stacks):
    assert "sagemaker:InvokeEndpoint" not in task_permissions(stacks("open")["gateway"])


@every
def test_a_task_does_what_its_models_and_tenants_need_and_no_more(stacks, environment):
    stack = stacks(environment)["gateway"]
    permissions = task_permissions(stack)

    assert set(permissions) <= {
        "bedrock:ApplyGuardrail",
        "bedrock:InvokeModel",
        "bedrock:InvokeModelWithResponseStream",
        "dynamodb:GetItem",
        "kms:Decrypt",
        "kms:DescribeKey",
        "sagemaker:InvokeEndpoint",
        "sagemaker:InvokeEndpointWithResponseStream",
    }
    [table] = stack.every("AWS::DynamoDB::GlobalTable")
    assert permissions["dynamodb:GetItem"]["Resource"] == {"Fn::GetAtt": [table, "Arn"]}
    [guardrail] = stack.every("AWS::Bedrock::Guardrail")
    assert permissions["bedrock:ApplyGuardrail"]["Resource"] == {
        "Fn::GetAtt": [guardrail, "GuardrailArn"]
    }


@pytest.mark.parametrize(("environment", "kept"), [("prod", True), ("demo", False)])
def test_tenants_are_encrypted_restorable_and_kept_where_data_is(stacks, environment, kept):
    stack = stacks(environment)["gateway"]
    table = stack.only("AWS::DynamoDB::GlobalTable")
    [replica] = table["Replicas"]

    assert table["KeySchema"] == [{"AttributeName": "key_sha256", "KeyType": "HASH"}]
    assert table["SSESpecification"]["SSEType"] == "KMS"
    assert replica["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
    assert replica["DeletionProtectionEnabled"] is kept
    [resource] = [
        r for r in stack.template["Resources"].values() if r["Type"] == "AWS::DynamoDB::GlobalTable"
    ]
    assert resource["DeletionPolicy"] == ("Retain" if kept else "Delete")


@every
def test_its_outputs_are_what_the_operator_needs(stacks, environment):
    outputs = stacks(environment)["gateway"].template["Outputs"]

    assert {"TenantsTable", "GuardrailId", "GuardrailVersion", "Url"} <= set(outputs)
