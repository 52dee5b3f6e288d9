"""The IAM policy of a caller that may ask every question and do nothing else."""

from collections.abc import Iterable
from typing import Any

from operations.preflight.registry import Question

# Where the action that IAM checks is not called like the operation. Source: Service Authorization
# Reference, "Actions, resources, and condition keys for Amazon S3".
_NAMED_OTHERWISE = {
    "s3:HeadBucket": "s3:ListBucket",
    "s3:ListBuckets": "s3:ListAllMyBuckets",
    "s3:ListObjectsV2": "s3:ListBucket",
}
# How IAM calls a service: as its requests are signed.
_PREFIXES = {"elbv2": "elasticloadbalancing", "service-quotas": "servicequotas"}
# The resources of the actions that take any but "*"; the reference lists none for the others, or
# they list what is in an account, which has no ARN to name.
_RESOURCES = {
    "iam:GetRole": ["arn:aws:iam::*:role/*"],
    "s3:ListBucket": ["arn:aws:s3:::*"],
    "ssm:GetParameters": [
        "arn:aws:ssm:*::parameter/aws/service/eks/*",
        "arn:aws:ssm:*:*:parameter/cdk-bootstrap/*",
    ],
    "ecr:BatchGetImage": ["arn:aws:ecr:*:*:repository/*"],
}


def action(service: str, operation: str) -> str:
    """The IAM action of an operation of boto3's service."""
    return _NAMED_OTHERWISE.get(
        f"{service}:{operation}", f"{_PREFIXES.get(service, service)}:{operation}"
    )


def actions(questions: Iterable[Question]) -> list[str]:
    """The actions that asking takes, sorted."""
    asked = {ask for question in questions for ask in question.asks}
    return sorted({action(*ask.split(":")) for ask in asked})


def policy(questions: Iterable[Question]) -> dict[str, Any]:
    """The policy document."""
    every = actions(questions)
    rest = [name for name in every if name not in _RESOURCES]
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Sid": "Ask", "Effect": "Allow", "Action": rest, "Resource": "*"},
            *(
                {
                    "Sid": "".join(part[0].upper() + part[1:] for part in name.split(":")),
                    "Effect": "Allow",
                    "Action": name,
                    "Resource": _RESOURCES[name],
                }
                for name in every
                if name in _RESOURCES
            ),
        ],
    }
