"""IAM as ministack enforces it, watched: what roles and users were allowed, and what refused.

The account itself, whose access key is its number, may do everything; it is not noted.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from ministack.core import iam_actions, iam_evaluator

# Connections are plain HTTP on loopback and stand for TLS: policies that refuse anything else,
# as every bucket's here does, are evaluated as if it were.
SECURE = (b"x-forwarded-proto", b"https")

_DECIDED: Counter[tuple[bool, str, str, str]] = Counter()  # allowed, who, action, resource


# Converse is authorised as InvokeModel (API reference, Converse and ConverseStream); ministack asks
# for actions that IAM does not know.
_CONVERSE = {
    "bedrock:Converse": "bedrock:InvokeModel",
    "bedrock:ConverseStream": "bedrock:InvokeModelWithResponseStream",
}
_PROFILE = re.compile(
    r"arn:aws:bedrock:(?P<region>[a-z0-9-]+)::foundation-model/"
    r"(?P<profile>(?:global|us-gov|us|eu|apac|jp|au|ca|sa)\.(?P<model>.+\..+))"
)

_APPLIED = re.compile(r"/guardrail/(?:.*guardrail/)?(?P<id>[a-z0-9-]+)/version/[^/]+/apply")


def watch() -> None:
    """Note the decision on every request that is not the account's own."""
    theirs = iam_evaluator.enforce

    def enforce(key: str, action: str, service: str, region: str, **about: Any) -> Any:
        caller = iam_evaluator.resolve_caller_identity(key) or {"userArn": "nobody"}
        action = _CONVERSE.get(action, action)
        refused = None
        for question in _questions(about, caller.get("accountId", "")):
            refused = theirs(key, action, service, region, **question)
            if not caller["userArn"].endswith(":root"):
                resource = question.get("resource_arn", "*")
                _DECIDED[refused is None, caller["userArn"], action, resource] += 1
            if refused is not None:
                break
        return refused

    iam_evaluator.enforce = enforce


def name_guardrails() -> None:
    """Let IAM know which guardrail a request applies; ministack names those of other paths."""
    theirs = iam_actions.extract_resource_arn

    def extract(service: str, method: str, path: str, *rest: Any) -> Any:
        if match := _APPLIED.fullmatch(path):
            *_, region, account = rest
            return f"arn:aws:bedrock:{region}:{account}:guardrail/{match['id']}"
        return theirs(service, method, path, *rest)

    iam_actions.extract_resource_arn = extract


def name_namespaces() -> None:
    """Let IAM know the namespace that metrics are put into, which is all that it can limit."""
    theirs = iam_actions.request_tag_context

    def context(service: str, action: str, body: bytes, params: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = theirs(service, action, body, params)
        # As JSON, which is what botocore chooses of the service's protocols.
        if action == "cloudwatch:PutMetricData" and body.startswith(b"{"):
            found["cloudwatch:namespace"] = json.loads(body).get("Namespace", "")
        return found

    iam_actions.request_tag_context = context


def _questions(about: dict[str, Any], account: str) -> Iterator[dict[str, Any]]:
    """What IAM is asked: of a model behind an inference profile, about both.

    Bedrock user guide, "Prerequisites for inference profiles". ministack takes the profile's name
    for a model's.
    """
    match = _PROFILE.fullmatch(about.get("resource_arn", "*"))
    if match is None:
        yield about
        return
    region = match["region"]
    profile = f"arn:aws:bedrock:{region}:{account}:inference-profile/{match['profile']}"
    yield about | {"resource_arn": profile}
    context = (about.get("service_context") or {}) | {"bedrock:InferenceProfileArn": profile}
    model = f"arn:aws:bedrock:{region}::foundation-model/{match['model']}"
    yield about | {"resource_arn": model, "service_context": context}


def decisions() -> list[dict[str, Any]]:
    """Every question that was decided, and how often it was asked."""
    return [
        {"allowed": allowed, "who": who, "action": action, "resource": resource, "times": times}
        for (allowed, who, action, resource), times in sorted(_DECIDED.items())
    ]
