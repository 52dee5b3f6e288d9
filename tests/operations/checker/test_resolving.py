import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations.checker import check
from operations.checker.resolving import Template, Templates
from operations.checker.values import Reference, Unknown

BODY = {
    "Parameters": {
        "Zone": {"Type": "String", "Default": "use2-az3"},
        "Zones": {"Type": "CommaDelimitedList", "Default": "use2-az1, use2-az2"},
        "Given": {"Type": "String"},
        "Image": {"Type": "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>", "Default": "/a/b"},
    },
    "Mappings": {"Types": {"us-east-2": {"train": "trn1.32xlarge"}}},
    "Conditions": {
        "InThird": {"Fn::Equals": [{"Ref": "Zone"}, "use2-az3"]},
        "Not": {"Fn::Not": [{"Condition": "InThird"}]},
        "Both": {"Fn::And": [{"Condition": "InThird"}, {"Condition": "Not"}]},
        "Either": {"Fn::Or": [{"Condition": "InThird"}, {"Condition": "Open"}]},
        "Open": {"Fn::Equals": [{"Ref": "Given"}, "yes"]},
    },
    "Resources": {
        "Subnet": {"Type": "AWS::EC2::Subnet", "Properties": {"Self": {"Ref": "Subnet"}}}
    },
    "Outputs": {
        "Subnet": {"Value": {"Ref": "Subnet"}, "Export": {"Name": {"Fn::Sub": "${Zone}-subnet"}}},
        "Loop": {"Value": {"Fn::GetStackOutput": {"StackName": "one", "OutputName": "Loop"}}},
    },
}
ONE = Template("one.json", BODY, stack="one", region="us-east-2")
TWO = Template("two.json", {"Resources": {}}, stack="two", region="us-east-2")
SUBNET = Reference("one.json", "Subnet")


def resolve(value, template="one.json"):
    return Templates([ONE, TWO]).resolve(template, value)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"Ref": "Zone"}, "use2-az3"),
        ({"Ref": "Zones"}, ["use2-az1", "use2-az2"]),
        ({"Fn::Select": [1, {"Ref": "Zones"}]}, "use2-az2"),
        ({"Ref": "Image"}, "{{resolve:ssm:/a/b}}"),
        ({"Ref": "Subnet"}, SUBNET),
        ({"Ref": "AWS::Region"}, "us-east-2"),
        ({"Ref": "AWS::StackName"}, "one"),
        (
            {"Fn::GetAtt": ["Subnet", "AvailabilityZone"]},
            Reference("one.json", "Subnet", "AvailabilityZone"),
        ),
        ({"Fn::GetAtt": "Subnet.VpcId"}, Reference("one.json", "Subnet", "VpcId")),
        ({"Fn::Join": ["-", ["a", {"Ref": "Zone"}]]}, "a-use2-az3"),
        ({"Fn::Join": ["", [{"Ref": "Subnet"}]]}, SUBNET),
        ({"Fn::Sub": "${Zone}/${!Literal}/${AWS::StackName}"}, "use2-az3/${Literal}/one"),
        ({"Fn::Sub": ["${a}${b}", {"a": 1, "b": {"Ref": "Zone"}}]}, "1use2-az3"),
        ({"Fn::Sub": "${Subnet}"}, SUBNET),
        ({"Fn::Split": ["-", {"Ref": "Zone"}]}, ["use2", "az3"]),
        ({"Fn::FindInMap": ["Types", {"Ref": "AWS::Region"}, "train"]}, "trn1.32xlarge"),
        ({"Fn::Base64": "hello"}, "aGVsbG8="),
        ({"Fn::If": ["InThird", 1, 2]}, 1),
        ({"Fn::If": ["Not", 1, 2]}, 2),
        ({"Fn::If": ["Both", 1, 2]}, 2),
        ({"Fn::If": ["Either", 1, 2]}, 1),
        ([1, {"Fn::If": ["Not", 2, {"Ref": "AWS::NoValue"}]}], [1]),
        ({"a": {"Ref": "AWS::NoValue"}, "b": 1}, {"b": 1}),
    ],
)
def test_a_reference_is_followed(value, found):
    assert resolve(value) == found


@pytest.mark.parametrize(
    "value",
    [
        {"Fn::ImportValue": "use2-az3-subnet"},
        {"Fn::GetStackOutput": {"StackName": "one", "OutputName": "Subnet"}},
        {"Fn::GetStackOutput": {"StackName": "one", "OutputName": "Subnet", "Region": "us-east-2"}},
    ],
)
def test_a_reference_is_followed_into_another_template(value):
    assert resolve(value, "two.json") == SUBNET


@pytest.mark.parametrize(
    "value",
    [
        {"Ref": "Given"},
        {"Ref": "Nobody"},
        {"Fn::GetAtt": ["Nobody", "Arn"]},
        {"Fn::If": ["Open", 1, 2]},
        {"Fn::GetAZs": ""},
        {"Fn::ImportValue": "elsewhere"},
        {"Fn::GetStackOutput": {"StackName": "one", "OutputName": "Subnet", "Region": "eu-west-1"}},
        {"Fn::GetStackOutput": {"StackName": "one", "OutputName": "Loop"}},
        {"Fn::Select": [7, {"Ref": "Zones"}]},
        {"Fn::Join": "no list"},
        {"Fn::Sub": 1},
        {"Fn::FindInMap": ["Types", "nowhere", "train"]},
    ],
)
def test_what_a_deployment_decides_is_unknown_and_equal_to_itself(value):
    assert isinstance(resolve(value), Unknown)
    assert resolve(value) == resolve(value)


def test_equal_names_in_two_templates_are_different_values():
    assert resolve({"Ref": "Given"}) != resolve({"Ref": "Given"}, "two.json")


def test_text_is_kept_around_what_is_unknown():
    found = resolve(
        {"Fn::Join": ["", ['{"count": ', {"Ref": "Given"}, ', "a": "', {"Ref": "Subnet"}, '"}']]}
    )

    assert found.text == '{"count": 0, "a": "0"}'


def test_a_stack_of_the_same_name_in_two_regions_is_told_apart():
    other = Template("other.json", BODY, stack="one", region="eu-west-1")
    templates = Templates([ONE, other, TWO])
    output = {"StackName": "one", "OutputName": "Subnet"}

    assert isinstance(templates.resolve("two.json", {"Fn::GetStackOutput": output}), Unknown)
    here = {"Fn::GetStackOutput": output | {"Region": "eu-west-1"}}
    assert templates.resolve("two.json", here) == Reference("other.json", "Subnet")


def test_a_nested_stack_is_followed_both_ways():
    child = {
        "Parameters": {"Zone": {"Type": "String", "Default": "default"}},
        "Resources": {"Group": {"Type": "AWS::EC2::SecurityGroup"}},
        "Outputs": {"Group": {"Value": {"Ref": "Group"}}, "Zone": {"Value": {"Ref": "Zone"}}},
    }
    given = {"Parameters": {"Zone": {"Ref": "Zone"}}}
    parent = BODY | {
        "Resources": {"Nested": {"Type": "AWS::CloudFormation::Stack", "Properties": given}}
    }
    templates = Templates(
        [
            Template("parent", parent, stack="parent"),
            Template("child", child, stack="Nested", parent=("parent", "Nested")),
        ]
    )

    assert templates.resolve("parent", {"Fn::GetAtt": "Nested.Outputs.Zone"}) == "use2-az3"
    group = templates.resolve("parent", {"Fn::GetAtt": ["Nested", "Outputs.Group"]})
    assert group == Reference("child", "Group")


KINDS = [
    "AWS::EC2::LaunchTemplate",
    "AWS::EC2::SecurityGroup",
    "AWS::EC2::SecurityGroupEgress",
    "AWS::EKS::Nodegroup",
    "AWS::AutoScaling::AutoScalingGroup",
    "AWS::EKS::Cluster",
    "Custom::AWSCDK-EKS-HelmChart",
    "Custom::AWSCDK-EKS-KubernetesResource",
]
KEYS = [
    *("LaunchTemplateData", "NetworkInterfaces", "Groups", "DeviceIndex", "InterfaceType"),
    *("LaunchTemplate", "Id", "InstanceTypes", "InstanceType", "Subnets", "ScalingConfig", "Tags"),
    *("SecurityGroupIngress", "IpProtocol", "CidrIp", "UserData", "MetadataOptions", "Manifest"),
    *("ClusterName", "Values", "Chart", "Ref", "Fn::GetAtt", "Fn::Join", "Fn::Sub", "Fn::If"),
    *("BlockDeviceMappings", "Ebs", "Placement", "InstanceMarketOptions", "containers", "env"),
]
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 70000)
    | st.sampled_from(["trn1.32xlarge", "R0", "R1.Arn", "efa", "-1", "0.0.0.0/0", "1.9-x", "%"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(st.lists(st.tuples(st.sampled_from(KINDS), VALUES), max_size=5))
def test_a_template_of_any_shape_is_judged_without_an_error(resources):
    body = {f"R{i}": {"Type": kind, "Properties": of} for i, (kind, of) in enumerate(resources)}

    check({"t": {"Resources": body}})
