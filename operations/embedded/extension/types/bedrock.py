"""Bedrock: guardrails, their versions, inference profiles for accounting by application."""

from operations.embedded.extension.api_type import ApiType
from operations.embedded.extension.handler import Handler

GUARDRAIL = ApiType(
    type="AWS::Bedrock::Guardrail",
    service="bedrock",
    create_only=(),
    create_call="CreateGuardrail",
    read_call="GetGuardrail",
    update_call="UpdateGuardrail",
    delete_call="DeleteGuardrail",
    id="{guardrailArn}",
    at={"guardrailIdentifier": "{id}"},
    attributes={
        "GuardrailArn": "guardrailArn",
        "GuardrailId": "guardrailId",
        "Status": "status",
        "Version": "version",
    },
    rename={"KmsKeyArn": "kmsKeyId"},
)

GUARDRAIL_VERSION = ApiType(
    type="AWS::Bedrock::GuardrailVersion",
    service="bedrock",
    create_only=("Description", "GuardrailIdentifier"),
    create_call="CreateGuardrailVersion",
    read_call="GetGuardrail",
    delete_call="DeleteGuardrail",
    id="{guardrailId}|{version}",
    at={"guardrailIdentifier": "{GuardrailIdentifier}", "guardrailVersion": "{tail}"},
    attributes={
        "GuardrailArn": "guardrailArn",
        "GuardrailId": "guardrailId",
        "Version": "version",
    },
)

INFERENCE_PROFILE = ApiType(
    type="AWS::Bedrock::ApplicationInferenceProfile",
    service="bedrock",
    create_only=("Description", "InferenceProfileName", "ModelSource"),
    create_call="CreateInferenceProfile",
    read_call="GetInferenceProfile",
    delete_call="DeleteInferenceProfile",
    id="{inferenceProfileArn}",
    at={"inferenceProfileIdentifier": "{tail}"},
    attributes={
        "InferenceProfileArn": "inferenceProfileArn",
        "InferenceProfileId": "inferenceProfileId",
        "InferenceProfileIdentifier": "inferenceProfileArn",
        "Status": "status",
        "Type": "type",
    },
)

HANDLERS: tuple[Handler, ...] = (GUARDRAIL, GUARDRAIL_VERSION, INFERENCE_PROFILE)
