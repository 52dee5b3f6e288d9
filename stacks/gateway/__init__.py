"""The gateway that applications call, as a stack."""

from stacks.gateway.stack import GatewayStack

__all__ = ["GatewayStack"]
