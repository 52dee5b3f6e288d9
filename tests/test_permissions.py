"""What any role may do, and any group let through, in every environment."""

import json
import re

import pytest

every_environment = pytest.mark.parametrize(
    "environment", ["demo", "dev", "prod", "closed", "open"]
)

# What has no resource, or, with the condition named, what is open but for it.
OPEN_ACTIONS = {
    ("cloudwatch:PutMetricData",): "cloudwatch:namespace",
    ("ecr:GetAuthorizationToken",): None,
    ("ecr-public:GetAuthorizationToken", "sts:GetServiceBearerToken"): None,
    (
        "autoscaling:DescribeAutoScalingGroups",
        "autoscaling:DescribeAutoScalingInstances",
        "autoscaling:DescribeScalingActivities",
        "ec2:DescribeInstanceTypes",
        "ec2:DescribeLaunchTemplateVersions",
    ): None,
    ("ec2:DescribeTags", "ec2:DescribeVolumes"): None,
    ("cloudwatch:GetMetricData", "ec2:DescribeInstances"): None,
    (
        "autoscaling:SetDesiredCapacity",
        "autoscaling:TerminateInstanceInAutoScalingGroup",
    ): "aws:ResourceTag/eks:cluster-name",
}
# Where a resource is open: as the template has it, with references cut out.
OPEN_RESOURCES = {
    "*": "see above",
    "…:*": "any version of the one function that the CDK's framework calls",
    "arn:aws:eks:…:nodegroup/…/*": "the node groups of a cluster",
    "…/*": "the objects of a bucket",
    "…/bedrock/*": "the objects of the prefix that Bedrock imports from",
    "…/tiny-llama/*": "the objects of a model",
    "…/llama/big/*": "the objects of a model",
    "…/tiny-llama.????????????/*": "the objects of a model's later versions",
    "…/llama/big.????????????/*": "the objects of a model's later versions",
    "arn:aws:bedrock:*::foundation-model/…": "a model behind an inference profile",
    "arn:aws:logs:…:log-group:/aws/sagemaker/Endpoints/*": "the log streams of endpoints",
}


def listed(value):
    return value if isinstance(value, list) else [value]


def role_statements(stacks):
    """Every statement that a role carries, with where it stands."""
    for name, stack in stacks.items():
        for logical_id, policy in stack.every("AWS::IAM::Policy").items():
            for statement in policy["PolicyDocument"]["Statement"]:
                yield f"{name}/{logical_id}", statement
        for logical_id, role in stack.every("AWS::IAM::Role").items():
            for policy in role.get("Policies", []):
                for statement in policy["PolicyDocument"]["Statement"]:
                    yield f"{name}/{logical_id}", statement


def resource_policies(stacks):
    for name, stack in stacks.items():
        for kind, key in (
            ("AWS::S3::BucketPolicy", "PolicyDocument"),
            ("AWS::SNS::TopicPolicy", "PolicyDocument"),
            ("AWS::KMS::Key", "KeyPolicy"),
        ):
            for logical_id, properties in stack.every(kind).items():
                for statement in properties[key]["Statement"]:
                    yield f"{name}/{logical_id}", kind, statement


@every_environment
def test_no_role_has_an_action_with_a_wildcard(stacks, environment):
    for where, statement in role_statements(stacks(environment)):
        assert not any("*" in action for action in listed(statement["Action"])), where
        assert "NotAction" not in statement, where


def text(resource):
    """A resource as text, with … for each reference."""
    if isinstance(resource, str):
        return resource
    [(function, arguments)] = resource.items()
    if function != "Fn::Join":
        return "…"
    return "".join(part if isinstance(part, str) else "…" for part in arguments[1])


@every_environment
def test_a_resource_is_open_only_where_a_reason_is_known(stacks, environment):
    for where, statement in role_statements(stacks(environment)):
        for resource in map(text, listed(statement["Resource"])):
            if "*" not in resource:
                continue
            shape = re.sub(r"(foundation-model)/.*", r"\1/…", resource)
            shape = re.sub(r"(logs|eks):[a-z0-9-]+:\d+:", r"\1:…:", shape)
            assert shape in OPEN_RESOURCES, f"{where}: {resource}"
            if resource == "*":
                condition = OPEN_ACTIONS[tuple(listed(statement["Action"]))]
                assert condition is None or condition in statement["Condition"]["StringEquals"]
            if "foundation-model" in resource:
                assert "bedrock:InferenceProfileArn" in str(statement["Condition"]), where


@every_environment
def test_nobody_is_given_everything_on_a_resource_but_an_account_its_keys(stacks, environment):
    for where, kind, statement in resource_policies(stacks(environment)):
        if statement["Effect"] == "Deny":
            continue
        whole = [action for action in listed(statement["Action"]) if action.endswith(":*")]
        if kind == "AWS::KMS::Key" and whole:
            # How KMS lets the account's own IAM policies count.
            assert ":root" in str(statement["Principal"]), where
        else:
            assert not whole, where
        assert statement["Principal"] not in ("*", {"AWS": "*"}), where


@every_environment
def test_no_security_group_is_open_to_the_world_unless_the_gateway_is_public(stacks, environment):
    for name, stack in stacks(environment).items():
        for group in stack.every("AWS::EC2::SecurityGroup").values():
            for rule in group.get("SecurityGroupIngress", []):
                public = rule.get("CidrIp") == "0.0.0.0/0" or "CidrIpv6" in rule
                assert not public or (environment, name) == ("open", "gateway")
        for rule in stack.every("AWS::EC2::SecurityGroupIngress").values():
            assert "CidrIp" not in rule and "CidrIpv6" not in rule


@every_environment
def test_no_group_has_its_way_out_displaced(stacks, environment):
    """CloudFormation takes "to anywhere" off a group that also has an egress rule of its own."""
    for name, stack in stacks(environment).items():
        displaced = {
            rule["GroupId"]["Fn::GetAtt"][0]
            for rule in stack.every("AWS::EC2::SecurityGroupEgress").values()
        }
        for logical_id, group in stack.every("AWS::EC2::SecurityGroup").items():
            anywhere = [
                r for r in group.get("SecurityGroupEgress", []) if "0.0.0.0/0" in r.values()
            ]
            assert not (anywhere and logical_id in displaced), f"{name}/{logical_id}"


@every_environment
def test_nothing_is_in_a_default_security_group(stacks, environment):
    for name, stack in stacks(environment).items():
        assert "DefaultSecurityGroup" not in json.dumps(stack.template), name
