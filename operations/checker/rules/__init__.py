"""The rules, a module per topic."""

from operations.checker.registry import Rule
from operations.checker.rules import (
    boot,
    devices,
    image,
    interface_settings,
    jobs,
    network_interfaces,
    placement,
    security_groups,
)

_TOPICS = (
    network_interfaces,
    interface_settings,
    security_groups,
    placement,
    image,
    boot,
    devices,
    jobs,
)

# By id, in the order of the topics and of their modules.
RULES: dict[str, Rule] = {
    rule.id: rule for topic in _TOPICS for rule in vars(topic).values() if isinstance(rule, Rule)
}
