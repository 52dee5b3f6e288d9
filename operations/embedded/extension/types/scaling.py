"""Application Auto Scaling: what may scale, and by which metric."""

from typing import Any

from operations.embedded.extension.handler import Call, Created, Handler, Properties

_SERVICE = "application-autoscaling"
_TARGET = ("ResourceId", "ScalableDimension", "ServiceNamespace")


class ScalableTarget:
    """A capacity with limits; its id is resource, dimension and namespace with bars between."""

    type = "AWS::ApplicationAutoScaling::ScalableTarget"
    create_only = _TARGET

    def create(self, call: Call, properties: Properties) -> Created:
        call(_SERVICE, "RegisterScalableTarget", properties)
        id = "|".join(properties[name] for name in _TARGET)
        return Created(id, {"Id": id})

    def update(self, call: Call, id: str, old: Properties, new: Properties) -> Created:
        return self.create(call, new)

    def delete(self, call: Call, id: str, properties: Properties) -> None:
        key = {name: properties[name] for name in _TARGET}
        call.quietly(_SERVICE, "DeregisterScalableTarget", key)


class ScalingPolicy:
    """How a target scales."""

    type = "AWS::ApplicationAutoScaling::ScalingPolicy"
    create_only = (*_TARGET, "PolicyName", "ScalingTargetId")

    def create(self, call: Call, properties: Properties) -> Created:
        answer = call(_SERVICE, "PutScalingPolicy", flat(properties))
        return Created(answer["PolicyARN"], {"Arn": answer["PolicyARN"]})

    def update(self, call: Call, id: str, old: Properties, new: Properties) -> Created:
        return self.create(call, new)

    def delete(self, call: Call, id: str, properties: Properties) -> None:
        names = flat(properties)
        key = {name: names[name] for name in (*_TARGET, "PolicyName")}
        call.quietly(_SERVICE, "DeleteScalingPolicy", key)


def flat(properties: Properties) -> dict[str, Any]:
    """The properties with the target's id taken apart."""
    names = dict(properties)
    if target := names.pop("ScalingTargetId", None):
        names |= dict(zip(_TARGET, target.split("|"), strict=True))
    return names


HANDLERS: tuple[Handler, ...] = (ScalableTarget(), ScalingPolicy())
