"""What the gateway's tasks may do in AWS: exactly what their configuration names."""

from collections.abc import Iterable, Sequence

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms

_LEDGER = ["dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"]


def tables(
    tenants: dynamodb.TableV2, ledger: dynamodb.TableV2, key: kms.IKey, *, region: str
) -> list[iam.PolicyStatement]:
    """Tenants are read, the ledger is read and written, both through the one key.

    A transaction's parts are authorised as these (DynamoDB developer guide, "DynamoDB
    transactions and IAM"); nothing is deleted, items expire.
    """
    return [
        iam.PolicyStatement(actions=["dynamodb:GetItem"], resources=[tenants.table_arn]),
        iam.PolicyStatement(actions=_LEDGER, resources=[ledger.table_arn]),
        iam.PolicyStatement(
            actions=["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"],
            resources=[key.key_arn],
            conditions={"StringEquals": {"kms:ViaService": f"dynamodb.{region}.amazonaws.com"}},
        ),
    ]


def guardrails(arns: Sequence[str]) -> iam.PolicyStatement:
    """Guardrails are applied to calls of Bedrock, and to own models by a call of their own."""
    return iam.PolicyStatement(actions=["bedrock:ApplyGuardrail"], resources=list(arns))


def endpoints(names: Iterable[str], stack: cdk.Stack) -> list[iam.PolicyStatement]:
    """SageMaker endpoints, whose names are written in lower case in their ARNs."""
    arns = [
        stack.format_arn(service="sagemaker", resource="endpoint", resource_name=name.lower())
        for name in names
    ]
    actions = ["sagemaker:InvokeEndpoint", "sagemaker:InvokeEndpointWithResponseStream"]
    return [iam.PolicyStatement(actions=actions, resources=arns)] if arns else []
