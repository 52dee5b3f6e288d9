"""What ministack's own handlers lose of a template, set afterwards through the services' APIs."""

from collections.abc import Callable, Mapping
from typing import Any

from operations.embedded.extension.handler import Call, Properties
from operations.embedded.extension.repairs import dynamodb, ec2, ecs, eks, functions, s3, sns

# Gets the physical id, the old and the new properties; gives GetAtts that are missing.
Repair = Callable[[Call, str, Properties, Properties], Mapping[str, Any]]

REPAIRS: dict[str, Repair] = {
    **dynamodb.REPAIRS,
    **ec2.REPAIRS,
    **ecs.REPAIRS,
    **eks.REPAIRS,
    **functions.REPAIRS,
    **s3.REPAIRS,
    **sns.REPAIRS,
}
