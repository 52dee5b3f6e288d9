"""Everything the rules look at: the templates that are checked together, as typed views."""

from collections.abc import Sequence
from functools import cached_property

from operations.checker.resolving import Template, Templates
from operations.checker.views.kubernetes import Kubernetes
from operations.checker.views.node_groups import NodeGroup, node_groups
from operations.checker.views.security_groups import SecurityGroups


class Deployment:
    """The views of a set of templates, each made when a rule first asks for it."""

    def __init__(self, templates: Sequence[Template]) -> None:
        self.templates = Templates(templates)

    @cached_property
    def node_groups(self) -> Sequence[NodeGroup]:
        return tuple(node_groups(self.templates))

    @cached_property
    def security_groups(self) -> SecurityGroups:
        return SecurityGroups(self.templates)

    @cached_property
    def kubernetes(self) -> Kubernetes:
        return Kubernetes(self.templates, self.node_groups)
