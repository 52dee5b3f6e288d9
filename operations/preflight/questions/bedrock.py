"""Whether the gateway's Bedrock models answer this account in this region."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from operations.preflight import quotas
from operations.preflight.aws import Answer, Refused
from operations.preflight.needs import bedrock_models
from operations.preflight.registry import Case, Found, question
from stacks.config import EnvironmentConfig

_PROFILE = re.compile(r"(?P<where>global|us-gov|us|eu|apac|jp|au|ca|sa)\.[a-z0-9-]+\..+")
_GONE = ("ResourceNotFoundException", "ValidationException")
# Makers whose models have no agreement: Bedrock user guide, "Access Amazon Bedrock foundation
# models", which names those that are not sold through AWS Marketplace.
_NOT_SOLD = ("amazon", "deepseek", "meta", "mistral", "openai", "qwen")
_ACCESS = "https://docs.aws.amazon.com/bedrock/latest/userguide/model-access.html"


@dataclass(frozen=True)
class _Kind:
    """A kind of ARN: the operation that knows it, its parameter, and the state it must be in."""

    operation: str
    parameter: str
    right: str | None = None


_KINDS = {
    "application-inference-profile": _Kind(
        "GetInferenceProfile", "inferenceProfileIdentifier", "ACTIVE"
    ),
    "inference-profile": _Kind("GetInferenceProfile", "inferenceProfileIdentifier", "ACTIVE"),
    "imported-model": _Kind("GetImportedModel", "modelIdentifier"),
    "provisioned-model": _Kind("GetProvisionedModelThroughput", "provisionedModelId", "InService"),
    "custom-model-deployment": _Kind(
        "GetCustomModelDeployment", "customModelDeploymentIdentifier", "Active"
    ),
}


def _asked(config: EnvironmentConfig) -> bool:
    return any(bedrock_models(config))


def _get(case: Case, kind: _Kind, id: str) -> Answer | None:
    try:
        return case.ask("bedrock", kind.operation, **{kind.parameter: id})
    except Refused as error:
        if error.code not in _GONE:
            raise
        return None


def _kind(model: str) -> _Kind | None:
    """How Bedrock is asked for an inference profile or an ARN; None: it is a foundation model."""
    if model.startswith("arn:"):
        return _KINDS.get(model.split(":", 5)[5].partition("/")[0])
    return _KINDS["inference-profile"] if _PROFILE.fullmatch(model) else None


@question(
    "bedrock-profiles",
    "bedrock",
    title="Inference profiles, imported models, deployments and provisioned throughput are there "
    "and active",
    without="The gateway answers for the model with 404: the model identifier is invalid.",
    asks=[f"bedrock:{kind.operation}" for kind in _KINDS.values()],
    sources=[
        "https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-support.html"
    ],
    when=_asked,
)
def bedrock_profiles(case: Case) -> Iterator[Found]:
    for model in bedrock_models(case.config):
        kind = _kind(model)
        if kind is None:
            continue
        if model.startswith("arn:") and (region := model.split(":")[3]) != case.region:
            yield Found(
                "fails",
                f"{model} is of {region}, and the gateway asks Bedrock in {case.region}",
                f"name one of {case.region} in {case.name}.toml",
            )
            continue
        answer = _get(case, kind, model)
        what = model.split(":", 5)[5] if model.startswith("arn:") else f"inference profile {model}"
        if answer is None:
            yield Found(
                "fails",
                f"Bedrock in {case.region} has no {what}",
                case.command("bedrock list-inference-profiles"),
            )
        elif kind.right and answer["status"] != kind.right:
            yield Found(
                "fails",
                f"{what} is {answer['status']}, not {kind.right}",
                case.command(
                    f"bedrock {'-'.join(re.findall('[A-Z][a-z]+', kind.operation)).lower()} "
                    f"--{'-'.join(re.findall('[A-Z]?[a-z]+', kind.parameter)).lower()} {model}"
                ),
            )


@dataclass(frozen=True)
class _Model:
    """A foundation model, where to ask for it, and how the gateway comes to it."""

    id: str
    region: str
    profile: str | None  # how a quota's name begins for calls through it; None: called directly


def _foundation_models(case: Case) -> Iterator[_Model]:
    """Every foundation model behind the gateway's models, each once."""
    seen: dict[tuple[str, str | None], _Model] = {}
    for model in bedrock_models(case.config):
        kind = _kind(model)
        if kind is None:
            id = model.rpartition("/")[2]
            seen.setdefault((id, None), _Model(id, case.region, None))
        elif kind.operation == "GetInferenceProfile" and (answer := _get(case, kind, model)):
            reach = "Global cross-region" if model.startswith("global.") else "Cross-region"
            # It may not reach the region it is called from: then any that it does.
            rows = [(r["modelArn"].split("/")[-1], r["modelArn"]) for r in answer["models"]]
            for id in dict.fromkeys(id for id, _ in rows):
                regions = [arn.split(":")[3] for other, arn in rows if other == id]
                here = case.region in regions or "" in regions
                region = case.region if here else regions[0]
                seen.setdefault((id, reach), _Model(id, region, reach))
    yield from seen.values()


@question(
    "bedrock-models",
    "bedrock",
    title="The foundation models are offered, current, and may be called as the gateway does",
    without="The gateway answers for the model with 400: on-demand throughput is not supported; "
    "or with 404.",
    asks=["bedrock:GetFoundationModel", "bedrock:GetInferenceProfile"],
    sources=["https://docs.aws.amazon.com/bedrock/latest/userguide/models-supported.html"],
    when=_asked,
)
def bedrock_foundation_models(case: Case) -> Iterator[Found]:
    for model in _foundation_models(case):
        if model.profile:
            continue
        try:
            answer = case.ask("bedrock", "GetFoundationModel", modelIdentifier=model.id)
        except Refused as error:
            if error.code not in _GONE:
                raise
            yield Found(
                "fails",
                f"Bedrock in {case.region} has no model {model.id}",
                case.command("bedrock list-foundation-models"),
            )
            continue
        details = answer["modelDetails"]
        if "ON_DEMAND" not in details.get("inferenceTypesSupported", ["ON_DEMAND"]):
            yield Found(
                "fails",
                f"{model.id} is not served on demand by its own name",
                case.command("bedrock list-inference-profiles"),
            )
        if details.get("modelLifecycle", {}).get("status") == "LEGACY":
            yield Found(
                "note",
                f"{model.id} is a legacy model",
                case.command("bedrock list-foundation-models"),
                "It will be taken away; Bedrock's page on model lifecycles has the day.",
            )


@question(
    "bedrock-access",
    "bedrock",
    title="The account may use the models: authorization, entitlement, agreement, use case",
    without="Every call is refused with AccessDeniedException or 404; a first call subscribes to "
    "a model of the marketplace, which the gateway's role may not.",
    asks=[
        "bedrock:GetFoundationModelAvailability",
        "bedrock:GetInferenceProfile",
        "bedrock:GetUseCaseForModelAccess",
    ],
    sources=[
        _ACCESS,
        "https://docs.aws.amazon.com/bedrock/latest/APIReference/"
        "API_GetFoundationModelAvailability.html",
    ],
    when=_asked,
)
def bedrock_access(case: Case) -> Iterator[Found]:
    makers = set()
    for model in _foundation_models(case):
        maker = model.id.partition(".")[0]
        makers.add(maker)
        try:
            answer = case.ask(
                "bedrock",
                "GetFoundationModelAvailability",
                region=model.region,
                modelId=model.id,
            )
        except Refused as error:
            if error.code not in _GONE:
                raise
            continue  # bedrock-models and bedrock-profiles say so
        yield from _availability(model, maker, answer)
    if "anthropic" in makers and not _use_case(case):
        yield Found(
            "may fail",  # an organization's management account can have told it for all
            "the account has not told Anthropic what it uses Claude for",
            case.command("bedrock put-use-case-for-model-access --form-data fileb://use-case.json"),
        )


def _availability(model: _Model, maker: str, answer: Answer) -> Iterator[Found]:
    agreement = answer["agreementAvailability"]["status"]
    offers = (
        f"aws bedrock list-foundation-model-agreement-offers --model-id {model.id} --region "
        f"{model.region}  # then create-foundation-model-agreement --offer-token …"
    )
    support = (
        "aws support create-case --service-code amazon-bedrock --category-code other "
        f"--subject 'access to {model.id}' --communication-body 'access to {model.id}'"
    )
    if answer["authorizationStatus"] != "AUTHORIZED":
        yield Found(
            "fails",
            f"the account is not authorized to use {model.id}",
            support,
        )
    if agreement != "AVAILABLE" and maker not in _NOT_SOLD:
        yield Found(
            "fails",
            f"the account has no agreement for {model.id}: {agreement}",
            offers,
        )
    elif answer["entitlementAvailability"] != "AVAILABLE":
        yield Found(
            "fails",
            f"the account is not entitled to {model.id}",
            support if maker in _NOT_SOLD else offers,
        )
    if model.profile is None and answer["regionAvailability"] != "AVAILABLE":
        yield Found(
            "fails",
            f"{model.id} is not available in {model.region}",
            f"aws bedrock list-foundation-models --region {model.region}",
        )


def _use_case(case: Case) -> bool:
    try:
        return bool(case.ask("bedrock", "GetUseCaseForModelAccess").get("formData"))
    except Refused as error:
        if error.code not in _GONE:
            raise
        return False


@question(
    "bedrock-throughput",
    "bedrock",
    title="No quota of requests or tokens per minute of a model is 0",
    without="Every call is refused with ThrottlingException: new accounts have 0 of many models.",
    asks=[*quotas.ASKS, "bedrock:GetFoundationModel", "bedrock:GetInferenceProfile"],
    sources=["https://docs.aws.amazon.com/bedrock/latest/userguide/quotas.html", quotas.SOURCE],
    when=_asked,
)
def bedrock_throughput(case: Case) -> Iterator[Found]:
    for model in _foundation_models(case):
        try:
            answer = case.ask(
                "bedrock", "GetFoundationModel", region=model.region, modelIdentifier=model.id
            )
        except Refused as error:
            if error.code not in _GONE:
                raise
            continue
        name = str(answer["modelDetails"].get("modelName", "")).casefold()
        start = f"{model.profile or 'On-demand'} model inference".casefold()
        for limit in quotas.limits(case, "bedrock"):
            said = limit.name.casefold()
            named = re.search(rf" {re.escape(name)}( v\d+)?$", said) if name else None
            if said.startswith(start) and named and not limit.value:
                yield Found(
                    "fails",
                    f"{limit.name} ({limit.code}) is 0",
                    quotas.increase(limit, 1000),
                )
