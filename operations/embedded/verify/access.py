"""IAM roles and policies, and keys."""

from operations.embedded.verify.verifier import Read, Verifier

_ROLE = {"RoleName": "{id}"}
_KEY = {"KeyId": "{id}"}

VERIFIERS = {
    "AWS::IAM::Role": Verifier(
        find=Read("iam", "GetRole", _ROLE, "Role"),
        parts={
            "ManagedPolicyArns": Read(
                "iam", "ListAttachedRolePolicies", _ROLE, "AttachedPolicies[].PolicyArn"
            ),
            "Tags": Read("iam", "ListRoleTags", _ROLE, "Tags"),
        },
    ),
    "AWS::IAM::Policy": Verifier(
        find=Read("iam", "GetRolePolicy", {"RoleName": "{Roles[0]}", "PolicyName": "{PolicyName}"}),
        rename={"Roles": "[RoleName]"},
    ),
    "AWS::KMS::Key": Verifier(
        find=Read("kms", "DescribeKey", _KEY, "KeyMetadata"),
        parts={
            "EnableKeyRotation": Read("kms", "GetKeyRotationStatus", _KEY, "KeyRotationEnabled"),
            "KeyPolicy": Read("kms", "GetKeyPolicy", _KEY, "Policy"),
            "Tags": Read("kms", "ListResourceTags", _KEY, "Tags[].{Key: TagKey, Value: TagValue}"),
        },
        unseen=("PendingWindowInDays",),  # it matters to the deletion alone
    ),
}
