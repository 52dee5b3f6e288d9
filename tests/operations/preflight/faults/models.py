"""What Bedrock can lack."""

from tests.operations.preflight.aws_server import Refusal
from tests.operations.preflight.faults.injected import fault
from tests.operations.preflight.healthy_models import quota


@fault(
    "prod",
    "bedrock-profiles",
    "fails",
    "no inference profile us.amazon.nova-lite-v1:0",
    "list-inference-profiles",
)
def profile_is_not_there(answers):
    answers["bedrock:GetInferenceProfile"].rows.clear()


@fault("closed", "bedrock-profiles", "fails", "no imported-model/xyz789", "us-west-2")
def imported_model_is_not_there(answers):
    answers["bedrock:GetImportedModel"].rows.clear()


@fault(
    "closed", "bedrock-models", "fails", "no model amazon.nova-lite-v1:0", "list-foundation-models"
)
def model_is_not_in_the_region(answers):
    del answers["bedrock:GetFoundationModel"].rows["amazon.nova-lite-v1:0"]
    del answers["bedrock:GetFoundationModelAvailability"].rows["amazon.nova-lite-v1:0"]


@fault(
    "closed",
    "bedrock-models",
    "fails",
    "not served on demand by its own name",
    "list-inference-profiles",
)
def model_needs_a_profile(answers):
    row = answers["bedrock:GetFoundationModel"].rows["amazon.nova-lite-v1:0"]
    row["modelDetails"]["inferenceTypesSupported"] = ["PROVISIONED"]


@fault("closed", "bedrock-models", "note", "legacy model", "list-foundation-models")
def model_is_old(answers):
    row = answers["bedrock:GetFoundationModel"].rows["amazon.nova-lite-v1:0"]
    row["modelDetails"]["modelLifecycle"]["status"] = "LEGACY"


@fault(
    "closed",
    "bedrock-access",
    "fails",
    "no agreement for anthropic.claude-sonnet-4-5",
    "agreement-offers",
)
def no_agreement(answers):
    rows = answers["bedrock:GetFoundationModelAvailability"].rows
    row = rows["anthropic.claude-sonnet-4-5-20250929-v1:0"]
    row["agreementAvailability"]["status"] = "NOT_AVAILABLE"


@fault(
    "prod",
    "bedrock-access",
    "fails",
    "not authorized to use amazon.nova-lite-v1:0",
    "support create-case",
)
def not_authorized(answers):
    rows = answers["bedrock:GetFoundationModelAvailability"].rows
    rows["amazon.nova-lite-v1:0"]["authorizationStatus"] = "NOT_AUTHORIZED"


@fault(
    "prod",
    "bedrock-access",
    "fails",
    "not entitled to amazon.nova-lite-v1:0",
    "support create-case",
)
def not_entitled(answers):
    rows = answers["bedrock:GetFoundationModelAvailability"].rows
    rows["amazon.nova-lite-v1:0"]["entitlementAvailability"] = "NOT_AVAILABLE"


@fault(
    "closed",
    "bedrock-access",
    "fails",
    "amazon.nova-lite-v1:0 is not available in us-west-2",
    "list-foundation-models",
)
def model_not_available_in_the_region(answers):
    rows = answers["bedrock:GetFoundationModelAvailability"].rows
    rows["amazon.nova-lite-v1:0"]["regionAvailability"] = "NOT_AVAILABLE"


@fault(
    "closed", "bedrock-access", "may fail", "not told Anthropic", "put-use-case-for-model-access"
)
def no_use_case(answers):
    answers["bedrock:GetUseCaseForModelAccess"] = Refusal("ResourceNotFoundException", "none")


@fault(
    "prod",
    "bedrock-throughput",
    "fails",
    "Nova Lite (L-7C42E72A) is 0",
    "--service-code bedrock --quota-code L-7C42E72A",
)
def no_tokens_per_minute(answers):
    name = "Cross-region model inference tokens per minute for Amazon Nova Lite"
    rows = answers["service-quotas:ListServiceQuotas"].rows["bedrock"]
    rows["Quotas"] = [quota("L-7C42E72A", name, 0.0)]
