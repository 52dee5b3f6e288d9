"""Bedrock's guardrails and profiles, SageMaker's models and endpoints."""

from typing import Any

from operations.embedded.extension.types import bedrock, sagemaker
from operations.embedded.verify.verifier import Described, Properties, Read, Verifier


def _guardrail_properties(properties: Properties) -> Properties:
    """A guardrail's properties as the API answers: policies and their parts without `Config`."""
    return {
        name.removesuffix("Config"): _without_suffix(value) if name.endswith("Config") else value
        for name, value in properties.items()
    }


def _without_suffix(policy: dict[str, Any]) -> dict[str, Any]:
    return {name.removesuffix("Config"): value for name, value in policy.items()}


def _tags(target: str) -> Read:
    return Read("bedrock", "ListTagsForResource", {"resourceARN": target}, "tags")


VERIFIERS = {
    "AWS::Bedrock::Guardrail": Verifier(
        find=Described(bedrock.GUARDRAIL),
        parts={"Tags": _tags("{id}")},
        expect=_guardrail_properties,
        remark="the emulator's rules, not Bedrock's models",
    ),
    "AWS::Bedrock::GuardrailVersion": Verifier(
        find=Described(bedrock.GUARDRAIL_VERSION),
        rename={"GuardrailIdentifier": "guardrailId"},
    ),
    "AWS::Bedrock::ApplicationInferenceProfile": Verifier(
        find=Described(bedrock.INFERENCE_PROFILE),
        parts={"Tags": _tags("{id}")},
        rename={"ModelSource": "{CopyFrom: models[0].modelArn}"},
    ),
    "AWS::SageMaker::Model": Verifier(
        find=Described(sagemaker.MODEL),
        parts={"Tags": Read("sagemaker", "ListTags", {"ResourceArn": "{id}"}, "Tags")},
        remark="a record of our own",
    ),
    "AWS::SageMaker::EndpointConfig": Verifier(
        find=Described(sagemaker.ENDPOINT_CONFIG),
        parts={"Tags": Read("sagemaker", "ListTags", {"ResourceArn": "{id}"}, "Tags")},
        remark="a record of our own",
    ),
    "AWS::SageMaker::Endpoint": Verifier(
        find=Described(sagemaker.ENDPOINT),
        parts={"Tags": Read("sagemaker", "ListTags", {"ResourceArn": "{id}"}, "Tags")},
        declared="a record of our own: no instance serves it, and its status stays Creating",
    ),
}
