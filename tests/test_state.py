"""What holds data: it stays where that is asked for, and is not replaced unnoticed.

tests/prod.state lists, for each resource that holds data, the properties that CloudFormation
replaces it for. `make inventory` rewrites the file; a changed line is lost data, and the
difference is the review.
"""

import json
import os
from pathlib import Path

import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

STATE = Path(__file__).parent / "prod.state"
HOLDS_DATA = {
    "AWS::DynamoDB::GlobalTable",
    "AWS::DynamoDB::Table",
    "AWS::ECR::Repository",
    "AWS::FSx::FileSystem",
    "AWS::KMS::Key",
    "AWS::S3::Bucket",
}
# Of alarms on their way, of secrets in the cluster: nothing lasting is under them.
PASSING_KEYS = {"observability", "cluster"}


def holding(stacks):
    """Stack, logical ID and resource of all that holds data."""
    for name, stack in sorted(stacks.items()):
        for logical_id, resource in sorted(stack.template["Resources"].items()):
            if resource["Type"] in HOLDS_DATA and name not in PASSING_KEYS:
                yield name, logical_id, resource


def create_only(resource):
    """The resource's values of what its CloudFormation schema calls create-only."""
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", resource["Type"]).schema
    kinds = ("createOnlyProperties", "conditionalCreateOnlyProperties")
    names = {path.split("/")[2] for kind in kinds for path in schema.get(kind, [])}
    properties = resource.get("Properties", {})
    return {name: properties[name] for name in sorted(names & properties.keys())}


def test_what_prod_would_be_replaced_for_is_what_it_was(stacks):
    lines = [
        f"{name} {logical_id} {json.dumps(create_only(resource), sort_keys=True)}\n"
        for name, logical_id, resource in holding(stacks("prod"))
    ]
    if os.environ.get("UPDATE_INVENTORY"):
        STATE.write_text("".join(lines))
    assert "".join(lines) == STATE.read_text()


@pytest.mark.parametrize(
    ("environment", "policy"),
    [("prod", "Retain"), ("closed", "Retain"), ("dev", "Delete"), ("demo", "Delete")],
)
def test_data_stays_if_and_only_if_the_environment_says_so(
    stacks, environments, environment, policy
):
    assert environments[environment].storage.retain == (policy == "Retain")
    found = list(holding(stacks(environment)))

    assert found
    for name, logical_id, resource in found:
        assert resource["DeletionPolicy"] == policy, f"{name}/{logical_id}"
        assert resource["UpdateReplacePolicy"] == policy, f"{name}/{logical_id}"


def test_the_stack_of_retained_data_cannot_be_deleted_by_mistake(stacks, environments):
    for name, config in environments.items():
        assert stacks(name)["storage"].termination_protection == config.storage.retain


def test_every_type_of_which_cloudformation_makes_a_snapshot_or_keeps_data_is_known(stacks):
    """A new kind of store is added to this file, or is none."""
    stores = ("::Bucket", "::DBInstance", "::FileSystem", "::GlobalTable", "::Repository")
    for name in ("prod", "closed", "open"):
        for stack in stacks(name).values():
            for resource in stack.template["Resources"].values():
                if resource["Type"].endswith((*stores, "::Table", "::Volume")):
                    assert resource["Type"] in HOLDS_DATA
