"""The CloudFormation types that the emulator lacks, by service."""

from operations.embedded.extension.handler import Handler
from operations.embedded.extension.types import (
    bedrock,
    budgets,
    cloudwatch,
    dynamodb,
    ec2,
    ecs,
    eks,
    fsx,
    kubernetes,
    sagemaker,
    scaling,
    waf,
)

HANDLERS: tuple[Handler, ...] = (
    *ec2.HANDLERS,
    *ecs.HANDLERS,
    *eks.HANDLERS,
    *kubernetes.HANDLERS,
    *bedrock.HANDLERS,
    *budgets.HANDLERS,
    *cloudwatch.HANDLERS,
    *dynamodb.HANDLERS,
    *scaling.HANDLERS,
    *sagemaker.HANDLERS,
    *fsx.HANDLERS,
    *waf.HANDLERS,
)
