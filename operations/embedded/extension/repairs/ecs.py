"""ECS services: how long a new task may fail its health checks."""

from typing import Any

from operations.embedded.extension.handler import Call, Properties

_GRACE = "HealthCheckGracePeriodSeconds"


def service(call: Call, id: str, old: Properties, new: Properties) -> dict[str, Any]:
    """Set what ministack's handler leaves out when it creates a service."""
    if old.get(_GRACE) != new.get(_GRACE):
        where = {"cluster": new.get("Cluster", "default"), "service": id}
        call("ecs", "UpdateService", where | {_GRACE: new.get(_GRACE, 0)})
    return {}


REPAIRS = {"AWS::ECS::Service": service}
