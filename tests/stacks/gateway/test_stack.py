import pytest

from tests.stacks.gateway.tasks import listed, settings, task_statements
from workloads.gateway.config import GatewayFile

RUNNING = ["demo", "prod", "closed", "open"]
every = pytest.mark.parametrize("environment", RUNNING)


@every
def test_the_tasks_settings_are_a_gateway_file(stacks, environment):
    file = GatewayFile.model_validate(settings(stacks(environment)["gateway"]))

    assert file.guardrail is not None
    assert file.models
    assert file.remote_images == (environment == "open")


def test_they_hold_the_configured_models(stacks):
    models = settings(stacks("prod")["gateway"])["models"]

    assert [model["name"] for model in models] == ["nova", "own", "endpoint"]
    assert models[0]["price"] == {"input": 0.06, "output": 0.24}


def test_an_endpoint_of_the_environment_is_called_by_its_own_name(stacks):
    models = {m["name"]: m for m in settings(stacks("closed")["gateway"])["models"]}

    endpoint = stacks("closed")["endpoint-big"].only("AWS::SageMaker::Endpoint")

    assert models["big"]["sagemaker"] == endpoint["EndpointName"] == "closed-big"
    assert models["elsewhere"]["sagemaker"] == "Another-Endpoint"


def endpoints_invoked(stack):
    return [
        s["Resource"]
        for s in task_statements(stack)
        if "sagemaker:InvokeEndpoint" in listed(s["Action"])
    ]


def test_only_configured_endpoints_may_be_invoked(stacks):
    [resources] = endpoints_invoked(stacks("closed")["gateway"])

    # SageMaker writes names in lower case in ARNs.
    assert set(resources) == {
        "arn:aws:sagemaker:us-west-2:111122223333:endpoint/closed-big",
        "arn:aws:sagemaker:us-west-2:111122223333:endpoint/another-endpoint",
    }


def test_without_an_endpoint_none_may_be_invoked(stacks):
    assert endpoints_invoked(stacks("open")["gateway"]) == []


@every
def test_a_task_does_what_its_models_and_tables_need_and_no_more(stacks, environment):
    stack = stacks(environment)["gateway"]
    ledger, tenants = sorted(stack.every("AWS::DynamoDB::GlobalTable"))
    [guardrail] = stack.every("AWS::Bedrock::Guardrail")
    allowed = {
        action: [s["Resource"] for s in task_statements(stack) if action in listed(s["Action"])]
        for statement in task_statements(stack)
        for action in listed(statement["Action"])
    }

    assert set(allowed) <= {
        "bedrock:ApplyGuardrail",
        "bedrock:CountTokens",
        "bedrock:InvokeModel",
        "bedrock:InvokeModelWithResponseStream",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
        "dynamodb:UpdateItem",
        "kms:Decrypt",
        "kms:DescribeKey",
        "kms:Encrypt",
        "kms:GenerateDataKey",
        "sagemaker:InvokeEndpoint",
        "sagemaker:InvokeEndpointWithResponseStream",
    }
    read, written = {"Fn::GetAtt": [tenants, "Arn"]}, {"Fn::GetAtt": [ledger, "Arn"]}
    assert allowed["dynamodb:GetItem"] == [read]
    assert allowed["dynamodb:UpdateItem"] == allowed["dynamodb:PutItem"] == [written]
    [guardrails] = allowed["bedrock:ApplyGuardrail"]
    assert {"Fn::GetAtt": [guardrail, "GuardrailArn"]} in listed(guardrails)


@every
def test_the_key_is_used_through_the_tables_alone(stacks, environment):
    for statement in task_statements(stacks(environment)["gateway"]):
        if any(action.startswith("kms:") for action in listed(statement["Action"])):
            [service] = statement["Condition"]["StringEquals"].values()
            assert service.startswith("dynamodb.")


def test_a_guardrail_that_tenants_may_name_may_be_applied(stacks):
    [statement] = [
        s
        for s in task_statements(stacks("open")["gateway"])
        if s["Action"] == "bedrock:ApplyGuardrail"
    ]

    assert "arn:aws:bedrock:us-east-1:111122223333:guardrail/abc123" in statement["Resource"]


@pytest.mark.parametrize(("environment", "kept"), [("prod", True), ("demo", False)])
@pytest.mark.parametrize(
    ("name", "keys", "expires"),
    [("Tenants", ["key_sha256"], None), ("Ledger", ["pk", "sk"], "expires")],
)
def test_tables_are_encrypted_restorable_and_kept_where_data_is(
    stacks, environment, kept, name, keys, expires
):
    resources = stacks(environment)["gateway"].template["Resources"]
    [resource] = [
        resource
        for logical_id, resource in resources.items()
        if logical_id.startswith(name) and resource["Type"] == "AWS::DynamoDB::GlobalTable"
    ]
    table = resource["Properties"]
    [replica] = table["Replicas"]

    assert [key["AttributeName"] for key in table["KeySchema"]] == keys
    assert table.get("TimeToLiveSpecification", {}).get("AttributeName") == expires
    assert table["SSESpecification"]["SSEType"] == "KMS"
    assert "KMSMasterKeyId" in replica["SSESpecification"]
    assert replica["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
    assert replica["DeletionProtectionEnabled"] is kept
    assert resource["DeletionPolicy"] == ("Retain" if kept else "Delete")


def test_what_a_token_says_of_its_owner_is_in_the_tasks_settings(stacks):
    assert settings(stacks("open")["gateway"])["jwt"] == {"claim": "client_id"}
    assert "jwt" not in settings(stacks("prod")["gateway"])


@every
def test_its_outputs_are_what_the_operator_needs(stacks, environment):
    outputs = stacks(environment)["gateway"].template["Outputs"]

    assert {"TenantsTable", "LedgerTable", "GuardrailId", "GuardrailVersion", "Url"} <= set(outputs)
