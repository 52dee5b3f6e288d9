import re

import pytest
from pydantic_core import PydanticCustomError

from stacks.config.values import role_arn, tags

ROLE = "arn:aws:iam::111122223333:role/"


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"project": "ai-silicon", "cost centre": "12/3 = a+b_c.d:e@f"},
        {"Größe": "groß"},
        {"k" * 128: "v" * 256},
        {"empty": ""},
    ],
)
def test_what_every_service_takes_is_a_tag(given):
    assert tags(given) == given


@pytest.mark.parametrize(
    ("given", "key", "sentence"),
    [
        ({"aws:team": "ml"}, '"aws:team"', "rename it, to team"),
        ({"AWS:": "ml"}, '"AWS:"', "rename it, to team"),
        (
            {"k8s.io/cluster-autoscaler/node-template/resources/cpu": "1"},
            '"k8s.io/cluster-autoscaler/node-template/resources/cpu"',
            "leave it out",
        ),
        ({"team": "ml, platform"}, "team", "AWS takes no , in a tag"),
        ({"a&b": "c"}, '"a&b"', "AWS takes no & in a tag"),
        ({"": "c"}, '""', "1 to 128 characters"),
        ({"k" * 129: "c"}, "k" * 129, "1 to 128 characters"),
        ({"key": "v" * 257}, "key", "up to 256; shorten it"),
        ({"Stage": "a", "stage": "b"}, "stage", "does not tell it from Stage"),
    ],
)
def test_a_tag_that_some_service_refuses_is_refused(given, key, sentence):
    with pytest.raises(PydanticCustomError) as refusal:
        tags(given)

    assert refusal.value.context["key"] == key
    assert sentence in refusal.value.context["text"]


def test_as_many_tags_as_leave_room_for_others_are_taken():
    most = {f"t{number}": "x" for number in range(40)}

    assert tags(most) == most
    with pytest.raises(ValueError, match="keep 40 of the 41"):
        tags(most | {"one": "more"})


@pytest.mark.parametrize(
    "arn",
    [
        ROLE + "Admin",
        ROLE + "teams/ml/Admin",
        ROLE + "aws-reserved/sso.amazonaws.com/us-east-2/AWSReservedSSO_Admin_0123456789abcdef",
    ],
)
def test_a_role_may_be_an_admin(arn):
    assert role_arn(arn) == arn


@pytest.mark.parametrize(
    ("arn", "sentence"),
    [
        ("arn:aws:sts::111122223333:assumed-role/Admin/ann", f"its role's, {ROLE}Admin"),
        (ROLE + "*", "no pattern; name each role"),
        (ROLE + "dev-?", "no pattern; name each role"),
        ("arn:aws:iam::111122223333:user/ann", "a user's; give a role's"),
        ("arn:aws:iam::111122223333:root", "a user's; give a role's"),
        (ROLE + "aws-service-role/eks.amazonaws.com/AWSServiceRoleForAmazonEKS", "of your own"),
        (ROLE + "AWSReservedSSO_Admin_0", "role/aws-reserved/sso.amazonaws.com/<region>/AWSRes"),
        ("Admin", "not the ARN of an IAM role"),
        ("arn:aws:iam::1111:role/Admin", "not the ARN of an IAM role"),
        (ROLE, "not the ARN of an IAM role"),
    ],
)
def test_who_cannot_be_an_admin_is_told_who_can(arn, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        role_arn(arn)
