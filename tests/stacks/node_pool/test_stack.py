import base64

import pytest

from workloads.hardware import INSTANCES
from workloads.versions import VERSIONS

# environment, stack, instance type, position of its zone among the network's
POOLS = [
    ("prod", "pool-trn1", "trn1.32xlarge", 3),
    ("prod", "pool-inf2", "inf2.48xlarge", 1),
    ("prod", "pool-epyc", "m7a.48xlarge", 3),
    ("demo", "pool-trn1", "trn1.32xlarge", 2),
    ("closed", "pool-block", "trn1.32xlarge", 3),
    ("open", "pool-b300", "p6-b300.48xlarge", 1),
    ("open", "pool-epyc", "m8a.48xlarge", 2),
]
every_pool = pytest.mark.parametrize(("environment", "pool", "instance_type", "zone"), POOLS)


def node_group(stacks, environment, pool):
    return stacks(environment)[pool].only("AWS::EKS::Nodegroup")


def template(stacks, environment, pool):
    return stacks(environment)[pool].only("AWS::EC2::LaunchTemplate")["LaunchTemplateData"]


def test_prods_trn1_nodes_have_eight_efa_interfaces_in_a_group_open_to_itself_alone(stacks):
    """The acceptance line, on the template that `cdk deploy prod/pool-trn1` would send."""
    pool = stacks("prod")["pool-trn1"]
    [efa_group] = pool.every("AWS::EC2::SecurityGroup")
    itself = {"Fn::GetAtt": [efa_group, "GroupId"]}

    interfaces = template(stacks, "prod", "pool-trn1")["NetworkInterfaces"]

    assert [i["NetworkCardIndex"] for i in interfaces] == [0, 1, 2, 3, 4, 5, 6, 7]
    assert [i["DeviceIndex"] for i in interfaces] == [0, 1, 1, 1, 1, 1, 1, 1]
    assert {i["InterfaceType"] for i in interfaces} == {"efa"}
    assert all(itself in i["Groups"] for i in interfaces)
    assert not any("AssociatePublicIpAddress" in i for i in interfaces)
    ingress = pool.only("AWS::EC2::SecurityGroupIngress")
    assert (ingress["GroupId"], ingress["SourceSecurityGroupId"]) == (itself, itself)
    egress = pool.only("AWS::EC2::SecurityGroupEgress")
    assert (egress["GroupId"], egress["DestinationSecurityGroupId"]) == (itself, itself)
    assert ingress["IpProtocol"] == egress["IpProtocol"] == "-1"


@every_pool
def test_nodes_start_in_the_private_subnet_of_their_zone(
    stacks, environment, pool, instance_type, zone
):
    [subnet] = node_group(stacks, environment, pool)["Subnets"]

    assert f"VpcPrivateSubnet{zone}Subnet" in subnet["Fn::GetStackOutput"]["OutputName"]


def test_that_subnet_of_prods_trn1_pool_is_in_use2_az3(stacks):
    [reference] = node_group(stacks, "prod", "pool-trn1")["Subnets"]
    network = stacks("prod")["network"]
    output = network.template["Outputs"][reference["Fn::GetStackOutput"]["OutputName"]]

    subnet = network.every("AWS::EC2::Subnet")[output["Value"]["Ref"]]

    assert subnet["AvailabilityZoneId"] == "use2-az3"
    assert subnet["MapPublicIpOnLaunch"] is False


@every_pool
def test_interfaces_are_in_the_clusters_group_too(stacks, environment, pool, instance_type, zone):
    for interface in template(stacks, environment, pool)["NetworkInterfaces"]:
        assert "ClusterSecurityGroupId" in str(interface["Groups"][0])


@every_pool
def test_the_type_stands_in_the_template_alone(stacks, environment, pool, instance_type, zone):
    """Else the CDK checks the image against an architecture table that has no Trainium."""
    assert template(stacks, environment, pool)["InstanceType"] == instance_type
    assert "InstanceTypes" not in node_group(stacks, environment, pool)


@pytest.mark.parametrize(
    ("environment", "pool", "image"),
    [
        ("prod", "pool-trn1", "AL2023_x86_64_NEURON"),
        ("prod", "pool-inf2", "AL2023_x86_64_NEURON"),
        ("prod", "pool-epyc", "AL2023_x86_64_STANDARD"),
        ("open", "pool-b300", "AL2023_x86_64_NVIDIA"),
    ],
)
def test_the_image_is_the_accelerators(stacks, environment, pool, image):
    assert node_group(stacks, environment, pool)["AmiType"] == image


@every_pool
def test_no_pool_takes_the_newest_image(stacks, environment, pool, instance_type, zone):
    group = node_group(stacks, environment, pool)

    known = {ami.release for ami in VERSIONS.kubernetes[group["Version"]]}
    assert group["ReleaseVersion"] in known


@pytest.mark.parametrize(
    ("environment", "pool", "kubernetes", "family"),
    [("prod", "pool-trn1", "1.35", "trn1"), ("closed", "pool-block", "1.34", "trn1")],
)
def test_a_neuron_image_is_pinned_to_a_driver_its_containers_start_on(
    stacks, environment, pool, kubernetes, family
):
    group = node_group(stacks, environment, pool)
    [ami] = [a for a in VERSIONS.kubernetes[kubernetes] if a.release == group["ReleaseVersion"]]

    assert group["Version"] == kubernetes
    assert VERSIONS.neuron[family].runs_on(ami.driver)


@pytest.mark.parametrize(
    ("environment", "pool", "taints"),
    [
        ("prod", "pool-trn1", ["aws.amazon.com/neuron"]),
        ("prod", "pool-inf2", ["aws.amazon.com/neuron"]),
        ("open", "pool-b300", ["nvidia.com/gpu"]),
        ("prod", "pool-epyc", []),
    ],
)
def test_pods_that_ask_for_no_accelerator_are_kept_off(stacks, environment, pool, taints):
    given = node_group(stacks, environment, pool).get("Taints", [])

    assert given == [{"Effect": "NO_SCHEDULE", "Key": key} for key in taints]


@every_pool
def test_broken_nodes_are_replaced_and_updates_wait_for_their_pods(
    stacks, environment, pool, instance_type, zone
):
    group = node_group(stacks, environment, pool)

    assert group["NodeRepairConfig"] == {"Enabled": True}
    assert group["UpdateConfig"] == {"MaxUnavailable": 1}
    assert "ForceUpdateEnabled" not in group


@every_pool
def test_nodes_say_their_pool_and_family(stacks, environment, pool, instance_type, zone):
    labels = node_group(stacks, environment, pool)["Labels"]

    assert labels["pool"] == pool.removeprefix("pool-")
    assert labels["instance-family"] == INSTANCES[instance_type].family


def test_gpu_nodes_carry_the_label_that_keeps_the_autoscaler_from_adding_more(stacks):
    labels = node_group(stacks, "open", "pool-b300")["Labels"]

    assert labels["k8s.amazonaws.com/accelerator"] == "nvidia-b300"


@pytest.mark.parametrize("pool", ["pool-trn1", "pool-epyc"])
def test_the_autoscaler_would_wait_forever_for_gpus_on_any_other_node(stacks, pool):
    assert "k8s.amazonaws.com/accelerator" not in node_group(stacks, "prod", pool)["Labels"]


def test_an_empty_group_tells_the_autoscaler_what_it_offers_beside_the_tags_of_the_stage(stacks):
    tags = node_group(stacks, "prod", "pool-trn1")["Tags"]
    resources = "k8s.io/cluster-autoscaler/node-template/resources/"

    assert tags[f"{resources}aws.amazon.com/neuron"] == "16"
    assert tags[f"{resources}vpc.amazonaws.com/efa"] == "8"
    assert tags["environment"] == "prod"


@pytest.mark.parametrize(
    ("environment", "pool", "gib"),
    [
        ("prod", "pool-trn1", 512),
        ("prod", "pool-inf2", 512),
        ("prod", "pool-epyc", 512),
        ("dev", "pool-epyc", 128),
    ],
)
def test_where_models_are_compiled_there_is_room_for_it(stacks, environment, pool, gib):
    [disk] = template(stacks, environment, pool)["BlockDeviceMappings"]

    assert disk["Ebs"]["VolumeSize"] == gib


def test_the_boot_script_is_in_the_template(stacks):
    text = base64.b64decode(template(stacks, "prod", "pool-trn1")["UserData"]).decode()

    assert "strategy: RAID0" in text
    assert "LimitMEMLOCK=infinity" in text


# The capacity rules: a group of our own only for what is bought freely.
@pytest.mark.parametrize(
    ("environment", "pool", "capacity_type", "placement"),
    [
        ("prod", "pool-trn1", "ON_DEMAND", "own"),
        ("open", "pool-epyc", "SPOT", "own"),
        ("closed", "pool-block", "CAPACITY_BLOCK", None),
        ("closed", "pool-unplaced", "ON_DEMAND", None),
        ("closed", "pool-reserved", "ON_DEMAND", "training"),
        ("prod", "pool-inf2", "ON_DEMAND", None),
        ("prod", "pool-epyc", "ON_DEMAND", None),
    ],
)
def test_capacity_decides_the_placement(stacks, environment, pool, capacity_type, placement):
    stack = stacks(environment)[pool]
    groups = stack.every("AWS::EC2::PlacementGroup")
    placed = template(stacks, environment, pool).get("Placement")

    assert node_group(stacks, environment, pool)["CapacityType"] == capacity_type
    if placement == "own":
        [(name, group)] = groups.items()
        assert group["Strategy"] == "cluster"
        assert placed == {"GroupName": {"Ref": name}}
    else:
        assert not groups
        assert placed == ({"GroupName": placement} if placement else None)


def test_a_capacity_block_waits_at_zero_until_it_starts(stacks):
    scaling = node_group(stacks, "closed", "pool-block")["ScalingConfig"]

    assert scaling == {"DesiredSize": 0, "MaxSize": 4, "MinSize": 0}


def test_another_pool_starts_with_its_least(stacks):
    scaling = node_group(stacks, "closed", "pool-reserved")["ScalingConfig"]

    assert scaling == {"DesiredSize": 1, "MaxSize": 2, "MinSize": 1}


@every_pool
def test_a_pool_brings_its_queue_and_no_function(stacks, environment, pool, instance_type, zone):
    """The CDK's own way to add Trainium nodes installs an outdated device plugin by Lambda.

    What looks whether the pool is idle has a test of its own.
    """
    resources = stacks(environment)[pool].template["Resources"]
    kinds = {r["Type"] for name, r in resources.items() if not name.startswith("Idle")}

    assert kinds <= {
        "AWS::EC2::LaunchTemplate",
        "AWS::EC2::PlacementGroup",
        "AWS::EC2::SecurityGroup",
        "AWS::EC2::SecurityGroupEgress",
        "AWS::EC2::SecurityGroupIngress",
        "AWS::EKS::Nodegroup",
        "AWS::IAM::Role",
        "Custom::AWSCDK-EKS-KubernetesResource",
    }


@every_pool
def test_a_node_may_join_pull_and_be_reached_and_no_more(
    stacks, environment, pool, instance_type, zone
):
    roles = stacks(environment)[pool].every("AWS::IAM::Role")
    [role] = [role for name, role in roles.items() if name.startswith("NodeRole")]

    names = [arn["Fn::Join"][1][-1].rpartition("/")[2] for arn in role["ManagedPolicyArns"]]

    assert names == [
        "AmazonEKSWorkerNodePolicy",
        "AmazonEKS_CNI_Policy",
        "AmazonEC2ContainerRegistryPullOnly",
        "AmazonSSMManagedInstanceCore",
    ]
    assert "Policies" not in role
