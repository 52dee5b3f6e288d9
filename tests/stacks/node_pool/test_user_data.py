import email
from pathlib import Path

import pytest
import yaml

from stacks.node_pool.user_data import node_config
from workloads.hardware import INSTANCES

RENDERED = Path(__file__).parent / "rendered" / "local_disks.mime"


@pytest.mark.parametrize("instance_type", ["trn1.32xlarge", "trn2.48xlarge", "p5.48xlarge"])
def test_local_disks_are_made_one_array(instance_type):
    assert node_config(INSTANCES[instance_type]) == RENDERED.read_text()


@pytest.mark.parametrize("instance_type", ["inf2.48xlarge", "m7a.48xlarge"])
def test_a_node_without_local_disks_needs_nothing_said(instance_type):
    assert node_config(INSTANCES[instance_type]) is None


def test_the_message_holds_one_partial_node_config():
    [part] = email.message_from_string(RENDERED.read_text()).get_payload()

    assert part.get_content_type() == "application/node.eks.aws"
    document = yaml.safe_load(part.get_payload())
    assert (document["apiVersion"], document["kind"]) == ("node.eks.aws/v1alpha1", "NodeConfig")
    # Cluster, endpoint and authority are the node group's to say, as long as the image is EKS's.
    assert set(document["spec"]) == {"instance"}
