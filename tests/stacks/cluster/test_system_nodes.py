import pytest

from workloads.versions import VERSIONS


@pytest.fixture
def nodes(stacks):
    return stacks("prod")["cluster"].only("AWS::EKS::Nodegroup")


def test_two_nodes_are_always_there_for_any_pod(nodes):
    assert nodes["ScalingConfig"]["MinSize"] == 2
    assert "Taints" not in nodes


def test_they_are_spread_over_the_zones(nodes):
    assert len(nodes["Subnets"]) == 3


def test_they_are_repaired_and_updated_within_disruption_budgets(nodes):
    assert nodes["NodeRepairConfig"] == {"Enabled": True}
    assert nodes["ForceUpdateEnabled"] is False


def test_their_disks_are_encrypted_and_pods_do_not_reach_their_role(stacks):
    template = stacks("prod")["cluster"].only("AWS::EC2::LaunchTemplate")["LaunchTemplateData"]

    [disk] = template["BlockDeviceMappings"]
    assert disk["Ebs"]["Encrypted"] is True
    assert disk["Ebs"]["VolumeType"] == "gp3"
    assert template["MetadataOptions"] == {"HttpPutResponseHopLimit": 1, "HttpTokens": "required"}


@pytest.mark.parametrize("environment", ["prod", "closed"])
def test_their_image_is_pinned_to_one_of_the_clusters_version(stacks, environment):
    cluster = stacks(environment)["cluster"]
    version = cluster.only("AWS::EKS::Cluster")["Version"]

    release = cluster.only("AWS::EKS::Nodegroup")["ReleaseVersion"]

    assert release == VERSIONS.standard_release(version)
    assert release.startswith(f"{version}.")
