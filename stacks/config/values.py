"""The values whose form AWS has many words for: tags, and the ARNs of roles.

Each function gives its argument back, or raises an error whose sentence says what would be right.
"""

import json
import re

from stacks.config.errors import wrong

_TAG = re.compile(r"[\w .:/=+@-]*")  # what every service takes; IAM: [\p{L}\p{Z}\p{N}_.:/=+\-@]*
_MOST_TAGS = 40  # beside those that node_pool/autoscaler_tags.py and EKS put on a node group
_AUTOSCALER = "k8s.io/cluster-autoscaler/"
_ROLE = re.compile(r"arn:aws:iam::[0-9]{12}:role/[A-Za-z0-9_+=,.@/-]+")
_SUCH_AS = "such as arn:aws:iam::111122223333:role/Admin"


def tags(given: dict[str, str]) -> dict[str, str]:
    """Tags that every service takes, IAM among them."""
    if len(given) > _MOST_TAGS:
        raise ValueError(
            "AWS takes 50 of a resource, and EKS and the autoscaler add their own; keep "
            f"{_MOST_TAGS} of the {len(given)}"
        )
    seen: dict[str, str] = {}
    for key, value in given.items():
        if sentence := _tag(key, value) or _twin(key, seen):
            raise wrong(key if re.fullmatch(r"[\w-]+", key) else json.dumps(key), value, sentence)
        seen[key.lower()] = key
    return given


def _tag(key: str, value: str) -> str:
    if key.lower().startswith("aws:"):
        return f"begins with aws:, which AWS keeps for itself; rename it, to {key[4:] or 'team'}"
    if key.startswith(_AUTOSCALER):
        return "the autoscaler would read it as a fact about every pool's nodes; leave it out"
    if not 1 <= len(key) <= 128 or len(value) > 256:
        return "a tag's key has 1 to 128 characters and its value up to 256; shorten it"
    for text in (key, value):
        if not _TAG.fullmatch(text):
            other = next(character for character in text if not _TAG.fullmatch(character))
            return f"AWS takes no {other} in a tag; use letters, digits, spaces and _ . : / = + - @"
    return ""


def _twin(key: str, seen: dict[str, str]) -> str:
    twin = seen.get(key.lower())
    if twin is None:
        return ""
    return f"IAM does not tell it from {twin}, for it ignores upper and lower case; keep one"


def role_arn(arn: str) -> str:
    """The ARN of a role that an EKS access entry takes.

    EKS user guide, "Create access entries": no service-linked role, and a role's path belongs to
    its ARN.
    """
    if session := re.fullmatch(r"arn:aws:sts::(\d{12}):assumed-role/([^/]+)/.+", arn):
        role = f"arn:aws:iam::{session[1]}:role/{session[2]}"
        raise ValueError(f"it is a session's; give its role's, {role}")
    if re.search(r"[*?]", arn):
        raise ValueError(f"EKS takes no pattern; name each role, {_SUCH_AS}")
    if re.fullmatch(r"arn:aws:iam::\d{12}:(user/.+|root)", arn):
        raise ValueError(f"it is a user's; give a role's that the user may assume, {_SUCH_AS}")
    if not _ROLE.fullmatch(arn):
        raise ValueError(f"not the ARN of an IAM role, {_SUCH_AS}")
    if ":role/aws-service-role/" in arn:
        raise ValueError("EKS lets no service-linked role in; give a role of your own, " + _SUCH_AS)
    if ":role/AWSReservedSSO_" in arn:
        raise ValueError(
            "a role of IAM Identity Center is only found with its path; `aws iam get-role` shows "
            f"it: {arn.replace('role/', 'role/aws-reserved/sso.amazonaws.com/<region>/')}"
        )
    return arn
