"""The rules, a module per topic; importing this package enters them all into the registry."""

from operations.checker.rules import network_interfaces, placement, security_groups

__all__ = ["network_interfaces", "placement", "security_groups"]
