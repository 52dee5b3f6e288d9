"""Tokens (JWT) that the load balancer has verified before it sent the request on.

Nothing is verified here: whoever reaches the gateway past the load balancer could claim anything.
It may let requests through unverified that have an `x-api-key` header, or whose one `Authorization`
begins with `Bearer sk-`, in upper or lower case, which it does not tell apart: such a request is
never believed a token, whatever else it carries.
"""

from base64 import urlsafe_b64decode

import orjson

KEY_PREFIX = "sk-"  # of API keys; a token begins with the base64 of `{"`


def token_of(headers: list[tuple[bytes, bytes]]) -> str | None:
    """The verified token of a request; None where it has to bring an API key."""
    found = [value for name, value in headers if name == b"authorization"]
    if len(found) != 1 or any(name == b"x-api-key" for name, _ in headers):
        return None
    scheme, _, token = found[0].decode("latin-1").partition(" ")
    token = token.strip()
    is_token = scheme.lower() == "bearer" and not token.lower().startswith(KEY_PREFIX)
    return token if is_token else None


def claim_of(token: str, claim: str) -> str | None:
    """The text of a token's claim; None where it has none, or is no token."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        payload = orjson.loads(urlsafe_b64decode(parts[1] + "=="))
    except ValueError:
        return None
    value = payload.get(claim) if isinstance(payload, dict) else None
    return value if isinstance(value, str) and value else None
