"""Who asks for an answer, as backends may have to tell."""

from typing import NamedTuple

from workloads.gateway.config import TenantConfig


class Caller(NamedTuple):
    """The tenant, and the id its request is known under."""

    tenant: TenantConfig
    request_id: str
