import pytest

from operations.embedded.extension.types import (
    bedrock,
    budgets,
    cloudwatch,
    dynamodb,
    fsx,
    sagemaker,
)
from tests.operations.embedded.extension.lifecycle import OSLO, ROLE, TOKYO, Life, check

ACCOUNT = "000000000000"
MODEL = {
    "Type": "AWS::SageMaker::Model",
    "Properties": {"ExecutionRoleArn": ROLE, "PrimaryContainer": {"Image": "image:1"}},
}


def variants(instance_type: str) -> dict:
    variant = {
        "VariantName": "main",
        "ModelName": {"Fn::GetAtt": ["Model", "ModelName"]},
        "InstanceType": instance_type,
        "InitialInstanceCount": 1,
    }
    return {"ProductionVariants": [variant]}


def configuration(instance_type: str) -> dict:
    return {"Type": "AWS::SageMaker::EndpointConfig", "Properties": variants(instance_type)}


def uses(logical_id: str) -> dict:
    return {"EndpointConfigName": {"Fn::GetAtt": [logical_id, "EndpointConfigName"]}}


def strength(level: str) -> dict:
    rule = {"Type": "HATE", "InputStrength": level, "OutputStrength": level}
    return {"ContentPolicyConfig": {"FiltersConfig": [rule]}}


def replica(tags: list, **more) -> dict:
    return {
        "AttributeDefinitions": [{"AttributeName": "k", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
        "Replicas": [{"Region": "us-east-2", "Tags": tags, **more}],
    }


GUARDRAIL = {
    "Name": "guardrail-of-a-life",
    "BlockedInputMessaging": "no",
    "BlockedOutputsMessaging": "no",
    **strength("LOW"),
}
BUDGET = {
    "BudgetName": "budget-of-a-life",
    "BudgetType": "COST",
    "TimeUnit": "MONTHLY",
    "BudgetLimit": {"Amount": 10, "Unit": "USD"},
}

LIVES = (
    Life(
        type="AWS::Bedrock::Guardrail",
        properties=GUARDRAIL,
        change=strength("HIGH"),
        call=("bedrock", "get_guardrail", {"guardrailIdentifier": "{It}"}),
        value="contentPolicy.filters[].inputStrength",
        shown=(["LOW"], ["HIGH"]),
        attributes=("GuardrailArn", "GuardrailId", "Version", "Status"),
    ),
    Life(
        type="AWS::Bedrock::GuardrailVersion",
        needs={
            "Guardrail": {
                "Type": "AWS::Bedrock::Guardrail",
                "Properties": GUARDRAIL | {"Name": "guardrail-with-versions"},
            }
        },
        properties={
            "GuardrailIdentifier": {"Fn::GetAtt": ["Guardrail", "GuardrailId"]},
            "Description": "one",
        },
        replace={"Description": "two"},
        call=(
            "bedrock",
            "get_guardrail",
            {"guardrailIdentifier": "{Guardrail}", "guardrailVersion": "{Tail}"},
        ),
        value="version",
        shown=("1", "2"),
        attributes=("GuardrailArn", "GuardrailId", "Version"),
    ),
    Life(
        type="AWS::Bedrock::ApplicationInferenceProfile",
        properties={
            "InferenceProfileName": "p",
            "ModelSource": {
                "CopyFrom": "arn:aws:bedrock:us-east-2::foundation-model/amazon.nova-lite-v1:0"
            },
            "Tags": TOKYO,
        },
        change={"Tags": OSLO},
        replace={"InferenceProfileName": "q"},
        call=("bedrock", "list_inference_profiles", {"typeEquals": "APPLICATION"}),
        value="inferenceProfileSummaries[?inferenceProfileArn == '{It}'].inferenceProfileName",
        shown=(["p"], ["p"], ["q"]),
        attributes=("InferenceProfileArn", "InferenceProfileId", "Status", "Type"),
    ),
    Life(
        type="AWS::SageMaker::Model",
        properties=MODEL["Properties"] | {"Tags": TOKYO},
        change={"Tags": OSLO},
        replace={"PrimaryContainer": {"Image": "image:2"}},
        call=("sagemaker", "list_tags", {"ResourceArn": "{It}"}),
        value="Tags[0].Value",
        shown=("tokyo", "oslo", "tokyo"),
        attributes=("ModelName", "ModelArn"),
    ),
    Life(
        type="AWS::SageMaker::EndpointConfig",
        needs={"Model": MODEL},
        properties=variants("ml.inf2.xlarge"),
        replace=variants("ml.trn1.2xlarge"),
        call=("sagemaker", "describe_endpoint_config", {"EndpointConfigName": "{Tail}"}),
        value="ProductionVariants[0].InstanceType",
        shown=("ml.inf2.xlarge", "ml.trn1.2xlarge"),
        attributes=("EndpointConfigName", "EndpointConfigArn"),
    ),
    Life(
        type="AWS::SageMaker::Endpoint",
        needs={
            "Model": MODEL,
            "Small": configuration("ml.inf2.xlarge"),
            "Large": configuration("ml.inf2.24xlarge"),
        },
        properties={"EndpointName": "it", **uses("Small")},
        change=uses("Large"),
        replace={"EndpointName": "that"},
        call=("sagemaker", "list_endpoints", {}),
        value="Endpoints[].[EndpointName, EndpointStatus][]",
        shown=(["it", "Creating"], ["it", "Creating"], ["that", "Creating"]),
        attributes=("EndpointName", "EndpointArn"),
    ),
    Life(
        type="AWS::FSx::FileSystem",
        properties={
            "FileSystemType": "LUSTRE",
            "StorageCapacity": 1200,
            "SubnetIds": ["subnet-0123456789abcdef0"],
            "LustreConfiguration": {
                "DeploymentType": "PERSISTENT_2",
                "PerUnitStorageThroughput": 125,
            },
            "Tags": TOKYO,
        },
        change={"StorageCapacity": 2400, "Tags": OSLO},
        replace={"SubnetIds": ["subnet-0123456789abcdef1"]},
        call=("fsx", "describe_file_systems", {"FileSystemIds": ["{It}"]}),
        value="FileSystems[0].[StorageCapacity, Tags[0].Value]",
        shown=([1200, "tokyo"], [2400, "oslo"], [1200, "tokyo"]),
        attributes=("DNSName", "Id", "LustreMountName", "ResourceARN"),
    ),
    Life(
        type="AWS::DynamoDB::GlobalTable",
        properties=replica(TOKYO),
        change=replica(OSLO, DeletionProtectionEnabled=True),
        replace={"TableName": "named"},
        call=("dynamodb", "describe_table", {"TableName": "{It}"}),
        value="Table.DeletionProtectionEnabled",
        shown=(False, True, False),
        attributes=("Arn", "TableId"),
    ),
    Life(
        type="AWS::Budgets::Budget",
        properties={"Budget": BUDGET},
        change={"Budget": BUDGET | {"BudgetLimit": {"Amount": 20, "Unit": "USD"}}},
        replace={"Budget": BUDGET | {"BudgetName": "another-of-a-life"}},
        call=("budgets", "describe_budgets", {"AccountId": ACCOUNT}),
        value="Budgets[?ends_with(BudgetName, 'of-a-life')].BudgetLimit.Amount",
        shown=(["10"], ["20"], ["10"]),
        attributes=("Id",),
    ),
    Life(
        type="AWS::CloudWatch::Alarm",
        properties={
            "Namespace": "N",
            "MetricName": "M",
            "ComparisonOperator": "GreaterThanThreshold",
            "EvaluationPeriods": 1,
            "Period": 60,
            "Statistic": "Sum",
            "Threshold": 5,
            "Tags": TOKYO,
        },
        change={"Threshold": 6, "Tags": OSLO},
        replace={"AlarmName": "named"},
        call=("cloudwatch", "describe_alarms", {"AlarmNames": ["{It}"]}),
        value="MetricAlarms[0].Threshold",
        shown=(5, 6, 5),
        attributes=("Arn",),
    ),
)


@pytest.mark.parametrize("life", LIVES, ids=lambda life: life.type)
def test_a_type_lives_and_dies_as_its_template_says(stack, life):
    check(stack, life)


def test_every_type_here_has_its_test():
    modules = (bedrock, budgets, cloudwatch, dynamodb, fsx, sagemaker)
    added = {handler.type for module in modules for handler in module.HANDLERS}

    assert added == {life.type for life in LIVES}


def test_a_replaced_version_of_a_guardrail_takes_only_itself_away(stack):
    [life] = [life for life in LIVES if life.type == "AWS::Bedrock::GuardrailVersion"]
    for properties in life.steps():
        stack.deploy(
            life.needs | {"It": {"Type": life.type, "Properties": properties}},
            {"Version": {"Fn::GetAtt": ["It", "Version"]}},
        )
    bedrock_client = stack.client("bedrock")
    identifier = {"guardrailIdentifier": stack.id("Guardrail")}

    assert stack.outputs["Version"] == "2"
    assert bedrock_client.get_guardrail(**identifier, guardrailVersion="2")["version"] == "2"
    with pytest.raises(bedrock_client.exceptions.ResourceNotFoundException):
        bedrock_client.get_guardrail(**identifier, guardrailVersion="1")


def test_an_endpoint_without_its_configuration_rolls_back(stack):
    properties = {"EndpointName": "lost", "EndpointConfigName": "none"}

    stack.deploy(
        {"Model": MODEL, "It": {"Type": "AWS::SageMaker::Endpoint", "Properties": properties}}
    )

    assert stack.status == "ROLLBACK_COMPLETE"
    assert "Could not find endpoint configuration 'none'" in stack.reasons
    assert stack.client("sagemaker").list_models()["Models"] == []


def test_what_the_apis_model_forbids_fails_the_stack(stack):
    properties = MODEL["Properties"] | {"InferenceExecutionConfig": {"Mode": "Fast"}}

    stack.deploy({"It": {"Type": "AWS::SageMaker::Model", "Properties": properties}})

    assert stack.status == "ROLLBACK_COMPLETE"
    assert "must be one of Serial, Direct" in stack.reasons
