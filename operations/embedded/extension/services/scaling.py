"""Application Auto Scaling's control plane; it records targets and policies, nothing scales."""

from collections.abc import Iterable

from operations.embedded.extension.services.engine import (
    JsonService,
    Record,
    ServiceError,
    Store,
    new_id,
    now,
)

_KEY = ("ServiceNamespace", "ResourceId", "ScalableDimension")


def _key(request: Record) -> tuple[str, ...]:
    return tuple(request[name] for name in _KEY)


def _register(store: Store, request: Record) -> Record:
    targets = store.kinds["target"]
    old = targets.get(_key(request)) or {
        "CreationTime": now(),
        "RoleARN": store.arn("role/service").replace("application-autoscaling", "iam"),
        "ScalableTargetARN": store.arn(f"scalable-target/{new_id('')}"),
    }
    targets[_key(request)] = old | request
    return targets[_key(request)]


def _find(store: Store, request: Record) -> Record:
    target = store.kinds["target"].get(_key(request))
    if target is None:
        raise ServiceError(
            "ObjectNotFoundException",
            f"No scalable target found for {', '.join(_key(request))}.",
        )
    return target


def _deregister(store: Store, request: Record) -> Record:
    _find(store, request)
    del store.kinds["target"][_key(request)]
    policies = store.kinds["policy"]
    for name in [name for name in policies if name[:-1] == _key(request)]:
        del policies[name]
    return {}


def _put_policy(store: Store, request: Record) -> Record:
    _find(store, request)
    name = (*_key(request), request["PolicyName"])
    path = f"scalingPolicy:{new_id('')}:resource/{'/'.join(name[:2])}:policyName/{name[-1]}"
    old = store.kinds["policy"].get(name) or {
        "CreationTime": now(),
        "PolicyARN": store.arn(path).replace("application-autoscaling", "autoscaling"),
        "Alarms": [],
    }
    store.kinds["policy"][name] = {"PolicyType": "StepScaling"} | old | request
    return store.kinds["policy"][name]


def _delete_policy(store: Store, request: Record) -> Record:
    name = (*_key(request), request["PolicyName"])
    if name not in store.kinds["policy"]:
        raise ServiceError("ObjectNotFoundException", f"No scaling policy found for {name}.")
    del store.kinds["policy"][name]
    return {}


def _matching(records: Iterable[Record], request: Record, plural: str, name: str) -> list[Record]:
    """The records that a describe call asks for; `plural` lists values of `name`."""
    equal = [key for key in _KEY if key in request]
    return [
        record
        for record in records
        if all(record[key] == request[key] for key in equal)
        and (not request.get(plural) or record[name] in request[plural])
    ]


def _describe(store: Store, request: Record) -> Record:
    targets = store.kinds["target"].values()
    return {"ScalableTargets": _matching(targets, request, "ResourceIds", "ResourceId")}


def _describe_policies(store: Store, request: Record) -> Record:
    policies = store.kinds["policy"].values()
    return {"ScalingPolicies": _matching(policies, request, "PolicyNames", "PolicyName")}


def _tagged(store: Store, request: Record) -> Record:
    for target in store.kinds["target"].values():
        if target["ScalableTargetARN"] == request["ResourceARN"]:
            return target
    raise ServiceError("ResourceNotFoundException", f"No scalable target {request['ResourceARN']}.")


def _tag(store: Store, request: Record) -> Record:
    target = _tagged(store, request)
    target["Tags"] = target.get("Tags", {}) | request["Tags"]
    return {}


def _untag(store: Store, request: Record) -> Record:
    tags = _tagged(store, request).get("Tags", {})
    for key in request["TagKeys"]:
        tags.pop(key, None)
    return {}


def _list_tags(store: Store, request: Record) -> Record:
    return {"Tags": _tagged(store, request).get("Tags", {})}


SCALING = JsonService(
    "application-autoscaling",
    {
        "RegisterScalableTarget": _register,
        "DescribeScalableTargets": _describe,
        "DeregisterScalableTarget": _deregister,
        "PutScalingPolicy": _put_policy,
        "DescribeScalingPolicies": _describe_policies,
        "DeleteScalingPolicy": _delete_policy,
        "TagResource": _tag,
        "UntagResource": _untag,
        "ListTagsForResource": _list_tags,
    },
)
