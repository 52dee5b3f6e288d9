"""Which models the gateway may invoke: exactly the configured ones."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_iam as iam

# Converse and ConverseStream are authorised as these two.
_ACTIONS = ["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"]

# A cross-Region inference profile is named after where it may route, then the model.
_PROFILE = re.compile(r"(?:global|us-gov|us|eu|apac|jp|au|ca|sa)\.(?P<model>.+\..+)")


@dataclass(frozen=True)
class Source:
    """What is invoked, and the foundation model that its calls end at, where its name says that."""

    arn: str
    model: str | None = None  # without a geography: "amazon.nova-lite-v1:0"
    routed: bool = False  # through a profile, which may be to other Regions


def source_of(model: str, stack: cdk.Stack) -> Source:
    """A model id, an inference profile's id, or an ARN."""
    region = f"arn:{stack.partition}:bedrock:{stack.region}"
    if match := _PROFILE.fullmatch(model):
        arn = f"{region}:{stack.account}:inference-profile/{model}"
        return Source(arn, match["model"], routed=True)
    if not model.startswith("arn:"):
        return Source(f"{region}::foundation-model/{model}", model)
    name = model.rpartition("/")[2]
    if "application-inference-profile/" in model:
        return Source(model, routed=True)
    if "inference-profile/" in model and (match := _PROFILE.fullmatch(name)):
        return Source(model, match["model"], routed=True)
    return Source(model, name if ":foundation-model/" in model else None)


def statements(sources: Iterable[Source], *, stack: cdk.Stack) -> Iterator[iam.PolicyStatement]:
    """The permissions to invoke each source, and to count the tokens of what it is asked.

    A profile needs two: one for itself, and one for its model wherever it routes to. The second
    holds only for calls that come through the profile (Bedrock user guide, "Prerequisites for
    inference profiles"); its Region is open because AWS adds Regions to profiles. An application
    inference profile that was made elsewhere does not say its model: any, through it alone.

    Tokens are counted by foundation models alone, in this Region.
    """
    counted = set()
    for source in sources:
        yield iam.PolicyStatement(actions=_ACTIONS, resources=[source.arn])
        if source.routed:
            yield iam.PolicyStatement(
                actions=_ACTIONS,
                resources=[
                    f"arn:{stack.partition}:bedrock:*::foundation-model/{source.model or '*'}"
                ],
                conditions={"StringEquals": {"bedrock:InferenceProfileArn": source.arn}},
            )
        if source.model:
            counted.add(
                f"arn:{stack.partition}:bedrock:{stack.region}::foundation-model/{source.model}"
            )
    if counted:
        yield iam.PolicyStatement(actions=["bedrock:CountTokens"], resources=sorted(counted))
