import pytest

from operations.embedded.extension.shapes import fit, request_shape, violations

MODEL = request_shape("sagemaker", "CreateModel")
ADDON = request_shape("eks", "CreateAddon")
ROLE = "arn:aws:iam::000000000000:role/r"


@pytest.mark.parametrize(
    ("shape", "given", "expected"),
    [
        (ADDON, {"ClusterName": "c", "AddonName": "a"}, {"clusterName": "c", "addonName": "a"}),
        (ADDON, {"Tags": [{"Key": "k", "Value": "v"}]}, {"tags": {"k": "v"}}),
        (MODEL, {"EnableNetworkIsolation": "true"}, {"EnableNetworkIsolation": True}),
        (MODEL, {"Tags": {"k": "v"}}, {"Tags": [{"Key": "k", "Value": "v"}]}),
        (
            request_shape("ec2", "CreateFlowLogs"),
            {"ResourceIds": "vpc-1", "MaxAggregationInterval": "60"},
            {"ResourceIds": ["vpc-1"], "MaxAggregationInterval": 60},
        ),
        (
            request_shape("sns", "SetTopicAttributes"),
            {"AttributeValue": {"a": [1]}},
            {"AttributeValue": '{"a": [1]}'},
        ),
    ],
)
def test_a_templates_value_takes_the_apis_form(shape, given, expected):
    assert fit(shape, given) == (expected, [])


def test_what_has_no_place_is_told_by_its_path():
    given = {"ModelName": "m", "PrimaryContainer": {"Image": "i", "Colour": "red"}, "Size": 1}

    fitted, dropped = fit(MODEL, given)

    assert fitted == {"ModelName": "m", "PrimaryContainer": {"Image": "i"}}
    assert dropped == ["PrimaryContainer.Colour", "Size"]


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({}, "ModelName is required"),
        ({"ModelName": "a b"}, "ModelName is 'a b', which does not match"),
        ({"ModelName": "m" * 64}, "the length of ModelName is 64, but must be at most 63"),
        ({"ModelName": 3}, "ModelName must be text"),
        ({"ModelName": "m", "Colour": "red"}, "Colour is not known"),
        (
            {"ModelName": "m", "InferenceExecutionConfig": {"Mode": "Fast"}},
            "InferenceExecutionConfig.Mode is 'Fast', but must be one of Serial, Direct",
        ),
        ({"ModelName": "m", "Containers": {}}, "Containers must be a list"),
        ({"ModelName": "m", "EnableNetworkIsolation": "yes"}, "must be true or false"),
        ({"ModelName": "m", "Tags": [{"Key": "k"}]}, "Tags[0].Value is required"),
    ],
)
def test_what_the_model_forbids_is_said(request_, words):
    assert words in "; ".join(violations(MODEL, request_))


def test_what_the_model_allows_passes():
    request = {"ModelName": "m-1", "ExecutionRoleArn": ROLE, "PrimaryContainer": {"Image": "i"}}

    assert list(violations(MODEL, request)) == []
