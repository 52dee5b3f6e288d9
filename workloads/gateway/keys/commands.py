"""What the key command does with the rows of tenants.

A key is `sk-ID-SECRET`: the id names it in lists and logs, the secret is 256 random bits, and
only the SHA-256 of the whole is kept. A tenant's settings are the same in the rows of all its keys.
"""

import re
import secrets
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from pydantic import ValidationError

from workloads.gateway.config import TenantConfig
from workloads.gateway.keys.rows import Rows, fields

CREDENTIAL = ("key_sha256", "subject", "key_id", "created", "expires")  # the rest are settings
# Seconds after which a key that goes on is called old: what AWS asks of access keys (Security Hub
# user guide, control IAM.3).
OLD = 90 * 86_400
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


class KeyCommandError(ValueError):
    """What was asked cannot be done; the text is a sentence."""


def create(
    rows: Rows,
    tenant: str,
    settings: Mapping[str, Any],
    *,
    now: int,
    lifetime: int | None = None,
    subject: str | None = None,
) -> tuple[str | None, TenantConfig]:
    """A new key of a tenant, and its row; no key for a `subject`. `lifetime` in seconds.

    Settings of a tenant that exists are kept but for those that are given, which all of its keys
    get. Raises KeyCommandError.
    """
    known = [row for row in rows.all() if row.name == tenant]
    if subject is not None and any(row.subject == subject for row in known):
        raise KeyCommandError(f"tenant {tenant!r} has the subject {subject!r} already")
    kept = _settings(known[-1]) if known else {"name": tenant}
    id = secrets.token_hex(4)
    key = f"sk-{id}-{secrets.token_urlsafe(32)}" if subject is None else None
    credential = {
        "key_id": id,
        "created": now,
        "expires": None if lifetime is None else now + lifetime,
        "subject": subject,
        "key_sha256": sha256(key.encode()).hexdigest() if key else None,
    }
    row = _row({**kept, **settings, **credential})
    for other in known if settings else ():
        rows.put(_row({**fields(other), **settings}))
    rows.put(row)
    return key, row


def rotate(rows: Rows, id: str, *, now: int, overlap: int) -> tuple[str, TenantConfig]:
    """A new key in the place of another, which goes on for `overlap` seconds. KeyCommandError."""
    old = _find(rows, id)
    if old.subject is not None:
        raise KeyCommandError(f"{id} is no key but a subject; its tokens are renewed elsewhere")
    new, row = create(rows, old.name, {}, now=now)
    assert new is not None
    ends = now + overlap
    if old.expires is None or old.expires > ends:
        rows.put(old.model_copy(update={"expires": ends}))
    return new, row


def revoke(rows: Rows, id: str) -> TenantConfig:
    """Take a key away. Raises KeyCommandError."""
    row = _find(rows, id)
    rows.delete(row)
    return row


def about(row: TenantConfig, now: int) -> dict[str, Any]:
    """What may be told of a key: everything but its digest; `old`: it is to be rotated."""
    expired = row.expires is not None and row.expires <= now
    # Tokens of a subject are renewed by whoever issues them, and an ending key goes by itself.
    old = row.subject is None and row.expires is None and now - (row.created or now) > OLD
    told = {name: value for name, value in fields(row).items() if name != "key_sha256"}
    return {**told, "id": id_of(row), "expired": expired, "old": old}


def id_of(row: TenantConfig) -> str:
    """A key's id; one that was made by hand has the begin of its digest."""
    return row.key_id or row.row_key[:8]


def seconds(text: str) -> int:
    """A time such as 90d, 24h, 30m or 10s. Raises KeyCommandError."""
    match = re.fullmatch(r"(\d{1,9})([smhd])", text)
    if match is None:
        raise KeyCommandError(f"{text!r} is not a time such as 90d, 24h, 30m or 10s")
    return int(match[1]) * _UNITS[match[2]]


def _find(rows: Rows, id: str) -> TenantConfig:
    found = [row for row in rows.all() if id_of(row) == id]
    if not found:
        raise KeyCommandError(f"there is no key {id!r}; `list` shows the ids")
    if len(found) > 1:
        raise KeyCommandError(f"{id!r} is the id of {len(found)} keys; take one away by hand")
    return found[0]


def _settings(row: TenantConfig) -> dict[str, Any]:
    return {name: value for name, value in fields(row).items() if name not in CREDENTIAL}


def _row(values: Mapping[str, Any]) -> TenantConfig:
    try:
        return TenantConfig.model_validate(values)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in problem["loc"])
        raise KeyCommandError(f"{place}: {problem['msg']}" if place else problem["msg"]) from error
