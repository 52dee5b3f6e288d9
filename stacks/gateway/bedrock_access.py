"""Which models the gateway may invoke: exactly the configured ones."""

import re
from collections.abc import Iterator

import aws_cdk as cdk
from aws_cdk import aws_iam as iam

# Converse and ConverseStream are authorised as these two.
_ACTIONS = ["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"]

# A cross-Region inference profile is named after where it may route, then the model.
_PROFILE = re.compile(r"(?:global|us-gov|us|eu|apac|jp|au|ca|sa)\.(?P<model>.+\..+)")


def statements(models: list[str], *, stack: cdk.Stack) -> Iterator[iam.PolicyStatement]:
    """The permissions to invoke each model: an id, an inference profile's id, or an ARN.

    A profile needs two: one for itself, and one for its model wherever it routes to. The second
    holds only for calls that come through the profile (Bedrock user guide, "Prerequisites for
    inference profiles"); its Region is open because AWS adds Regions to profiles.
    """
    for model in models:
        arn = _arn(model, stack)
        yield iam.PolicyStatement(actions=_ACTIONS, resources=[arn])
        behind = _model_behind(arn)
        if behind:
            yield iam.PolicyStatement(
                actions=_ACTIONS,
                resources=[f"arn:{stack.partition}:bedrock:*::foundation-model/{behind}"],
                conditions={"StringEquals": {"bedrock:InferenceProfileArn": arn}},
            )


def _arn(model: str, stack: cdk.Stack) -> str:
    if model.startswith("arn:"):
        return model
    region = f"arn:{stack.partition}:bedrock:{stack.region}"
    if _PROFILE.fullmatch(model):
        return f"{region}:{stack.account}:inference-profile/{model}"
    return f"{region}::foundation-model/{model}"


def _model_behind(arn: str) -> str | None:
    """The foundation models that a profile's calls end at; None for what is no profile.

    An application inference profile does not say its model in its name: any, through it alone.
    """
    if "application-inference-profile/" in arn:
        return "*"
    if "inference-profile/" in arn:
        match = _PROFILE.fullmatch(arn.rpartition("/")[2])
        return match["model"] if match else None
    return None
