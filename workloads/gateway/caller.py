"""Who asks for an answer, as backends may have to tell."""

from typing import NamedTuple

from workloads.gateway.config import GuardrailConfig, TenantConfig


class Caller(NamedTuple):
    """The tenant, and the id its request is known under."""

    tenant: TenantConfig
    request_id: str


def guardrail_of(caller: Caller | None, default: GuardrailConfig | None) -> GuardrailConfig | None:
    """The guardrail of the caller's tenant, else the gateway's own."""
    return default if caller is None else caller.tenant.guardrail or default
