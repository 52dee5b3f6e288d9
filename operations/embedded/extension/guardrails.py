"""Three mistakes in how the emulator answers about guardrails, put right around it.

It knows a guardrail by its id and not by its ARN, forgets the spelling of an answer's policies
(`filters`, not `filtersConfig`) so that SDKs see them empty, and deletes a whole guardrail
when asked to delete one version.
"""

import json
import re
from typing import Any
from urllib.parse import parse_qs, unquote

_PATH = re.compile(r"^/guardrails/(?P<guardrail>[^/]+|arn:.*/[^/]+)$")


def guardrail_id(path: str) -> str | None:
    """The id in a path that names one guardrail, also where it is an ARN."""
    found = _PATH.match(unquote(path))
    return found["guardrail"].rpartition("/")[2] if found else None


def deleted_version(method: str, query: bytes) -> str | None:
    """The version that a request deletes; None when it deletes no single version."""
    [version] = parse_qs(query.decode()).get("guardrailVersion", [""])
    return version if method == "DELETE" and version else None


def respelt(body: bytes) -> bytes:
    """An answer about a guardrail with its policies as the API spells them."""
    answer = json.loads(body)
    for name in [name for name in answer if name.endswith("Policy") and answer[name]]:
        answer[name] = _without_suffix(answer[name])
    return json.dumps(answer).encode()


def _without_suffix(policy: dict[str, Any]) -> dict[str, Any]:
    return {name.removesuffix("Config"): value for name, value in policy.items()}
