"""IAM as ministack enforces it, watched: what roles and users were allowed, and what refused.

The account itself, whose access key is its number, may do everything; it is not noted.
"""

from collections import Counter
from typing import Any

from ministack.core import iam_evaluator

# Connections are plain HTTP on loopback and stand for TLS: policies that refuse anything else,
# as every bucket's here does, are evaluated as if it were.
SECURE = (b"x-forwarded-proto", b"https")

_DECIDED: Counter[tuple[bool, str, str, str]] = Counter()  # allowed, who, action, resource


def watch() -> None:
    """Note the decision on every request that is not the account's own."""
    theirs = iam_evaluator.enforce

    def enforce(key: str, action: str, service: str, region: str, **about: Any) -> Any:
        refused = theirs(key, action, service, region, **about)
        caller = iam_evaluator.resolve_caller_identity(key) or {"userArn": "nobody"}
        if not caller["userArn"].endswith(":root"):
            resource = about.get("resource_arn", "*")
            _DECIDED[refused is None, caller["userArn"], action, resource] += 1
        return refused

    iam_evaluator.enforce = enforce


def decisions() -> list[dict[str, Any]]:
    """Every question that was decided, and how often it was asked."""
    return [
        {"allowed": allowed, "who": who, "action": action, "resource": resource, "times": times}
        for (allowed, who, action, resource), times in sorted(_DECIDED.items())
    ]
