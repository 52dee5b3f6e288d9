"""What preflight believes of the stacks is what they synthesize."""

import json
from collections import Counter

import pytest

from operations.preflight import needs
from workloads.hardware import INSTANCES, QUOTAS

NAMES = ["demo", "dev", "prod", "closed", "open"]


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


@pytest.fixture
def every(stacks, name):
    """The properties of every resource of a type, of all stacks."""

    def of(kind):
        return [row for stack in stacks(name).values() for row in stack.every(kind).values()]

    return of


@pytest.fixture
def config(environments, name):
    return environments[name]


def test_the_endpoints_of_the_network(every, config):
    parts = {
        json.dumps(row["ServiceName"]).rpartition(f"{config.region}.")[2].strip('"')
        for row in every("AWS::EC2::VPCEndpoint")
        if row["VpcEndpointType"] == "Interface"
    }
    gateways = [r for r in every("AWS::EC2::VPCEndpoint") if r["VpcEndpointType"] == "Gateway"]

    assert parts == set(needs.interface_endpoints(config))
    assert len(gateways) == len(needs.GATEWAY_ENDPOINTS)


def test_what_the_network_takes_one_of(every, config):
    nat = config.network.egress == "nat"

    assert len(every("AWS::EC2::VPC")) == 1
    assert len(every("AWS::EC2::EIP")) == nat
    assert len(every("AWS::EC2::InternetGateway")) == nat
    [gateway] = every("AWS::EC2::NatGateway") if nat else [None]
    if gateway:
        assert "PublicSubnet1" in json.dumps(gateway["SubnetId"])  # of the first zone


def test_the_rules_of_a_security_group(every):
    rules = {"in": [0], "out": [0]}
    apart = {"in": Counter(), "out": Counter()}
    for row in every("AWS::EC2::SecurityGroup"):
        rules["in"].append(len(row.get("SecurityGroupIngress", ())))
        rules["out"].append(len(row.get("SecurityGroupEgress", ())))
    for kind, way in (("Ingress", "in"), ("Egress", "out")):
        for row in every(f"AWS::EC2::SecurityGroup{kind}"):
            apart[way][json.dumps(row["GroupId"])] += 1

    most = max(max(rules[way]) + max(apart[way].values(), default=0) for way in rules)
    assert most <= needs.GROUP_RULES


def test_the_nodes_and_add_ons_of_the_cluster(every, config):
    [system] = [g for g in every("AWS::EKS::Nodegroup") if "InstanceTypes" in g]

    assert system["InstanceTypes"] == needs.system_types(config.region)
    assert system["ScalingConfig"]["MaxSize"] == needs.SYSTEM_NODES
    assert system["ScalingConfig"]["MinSize"] == needs.SYSTEM_MIN_NODES
    vcpus = {INSTANCES[n].vcpus for n in system["InstanceTypes"] if n in INSTANCES}
    assert vcpus == {needs.SYSTEM_VCPUS}
    assert {row["AddonName"] for row in every("AWS::EKS::Addon")} == set(needs.ADDONS)
    assert len(every("AWS::EKS::Nodegroup")) == len(config.pools) + 1


def test_the_interfaces_and_disks_of_each_pools_nodes(stacks, name, config):
    for pool in config.pools:
        template = stacks(name)[f"pool-{pool.name}"].only("AWS::EC2::LaunchTemplate")
        data = template["LaunchTemplateData"]
        [volume] = data["BlockDeviceMappings"]

        assert len(data["NetworkInterfaces"]) == needs.interfaces(pool)
        assert volume["Ebs"]["VolumeSize"] == needs.root_gib(pool)
    [data] = [
        row["LaunchTemplateData"]
        for row in stacks(name)["cluster"].every("AWS::EC2::LaunchTemplate").values()
    ]
    assert data["BlockDeviceMappings"][0]["Ebs"]["VolumeSize"] == needs.SYSTEM_GIB


def test_the_buckets_and_the_gateways_tasks(every):
    [target] = every("AWS::ApplicationAutoScaling::ScalableTarget")
    [task] = every("AWS::ECS::TaskDefinition")

    assert len(every("AWS::S3::Bucket")) == needs.BUCKETS
    assert (target["MinCapacity"], target["MaxCapacity"]) == needs.GATEWAY_TASKS
    assert task["Cpu"] == "1024"
    assert len(every("AWS::ElasticLoadBalancingV2::LoadBalancer")) == 1


def test_the_names_that_are_taken(every, name, config):
    assert [row["RepositoryName"] for row in every("AWS::ECR::Repository")] == [f"{name}/workloads"]
    assert [row["Name"] for row in every("AWS::Bedrock::Guardrail")] == [f"{name}-gateway"]
    assert [row["EndpointName"] for row in every("AWS::SageMaker::Endpoint")] == [
        needs.endpoint_name(name, endpoint.name) for endpoint in config.endpoints
    ]


def test_the_version_of_the_bootstrap_stack(stage, name):
    versions = {
        artifact.requires_bootstrap_stack_version for artifact in stage(name).synth().stacks
    }

    assert max(versions) == needs.BOOTSTRAP_VERSION


def test_vcpus_by_market_and_class(environments):
    found = needs.vcpus(environments["dev"])

    assert found["on-demand", "trn"].most == 8
    assert found["on-demand", "inf"].most == 4
    assert found["spot", "standard"].most == 32
    # Three nodes of two vCPUs, and two of them at once.
    assert (found["on-demand", "standard"].least, found["on-demand", "standard"].most) == (4, 6)


def test_what_is_reserved_takes_no_quota(environments):
    assert ("on-demand", "trn") not in needs.vcpus(environments["closed"])


@pytest.mark.parametrize(
    ("instance_type", "kind"),
    [
        *((name, "standard") for name in ("m5.large", "c7g.large", "im4gn.large", "z1d.large")),
        ("inf2.xlarge", "inf"),
        ("trn1n.32xlarge", "trn"),
        ("hpc7a.96xlarge", "hpc"),
        ("g6e.xlarge", "g"),
        ("vt1.3xlarge", "g"),
        ("p5en.48xlarge", "p"),
        *(
            (name, None)
            for name in (
                "dl1.24xlarge",
                "f1.2xlarge",
                "x2idn.16xlarge",
                "u7i-12tb.224xlarge",
                "mac2.metal",
            )
        ),
    ],
)
def test_the_quota_that_a_type_counts_against(instance_type, kind):
    assert needs.quota_class(instance_type) == kind


def test_every_type_of_the_table_counts_against_its_own_quota():
    for name, row in INSTANCES.items():
        assert QUOTAS[needs.quota_class(name)] == row.quota
