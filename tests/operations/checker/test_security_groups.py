import pytest
from aws_cdk import aws_ec2 as ec2

from operations.checker import check

EGRESS = "AWS::EC2::SecurityGroupEgress"
INGRESS = "AWS::EC2::SecurityGroupIngress"
WORLD = {"IpProtocol": "tcp", "CidrIp": "0.0.0.0/0"}


def test_a_missing_self_egress_is_found(prod):
    prod.drop(EGRESS)

    [finding] = prod.findings

    assert finding.rule == "efa-self-egress"
    assert "to itself" in finding.value


def test_a_missing_self_ingress_is_found(prod):
    prod.drop(INGRESS)

    assert prod.rules == {"efa-self-ingress"}


@pytest.mark.parametrize("kind", [EGRESS, INGRESS])
def test_a_rule_of_some_traffic_is_not_enough(prod, kind):
    prod.only(kind).update(IpProtocol="tcp", FromPort=0, ToPort=65535)

    assert len(prod.rules) == 1


def test_way_out_to_anywhere_does_not_stand_in_for_the_group_itself(prod):
    rule = prod.only(EGRESS)
    del rule["DestinationSecurityGroupId"]
    rule["CidrIp"] = "0.0.0.0/0"

    assert prod.rules == {"efa-self-egress"}


def efa_template(stack, group):
    """A launch template of p5.48xlarge around one security group, as CDK code would have it."""
    interfaces = [
        ec2.CfnLaunchTemplate.NetworkInterfaceProperty(
            network_card_index=card,
            device_index=min(card, 1),
            interface_type="efa",
            groups=[group.security_group_id],
            delete_on_termination=True,
        )
        for card in range(32)
    ]
    data = ec2.CfnLaunchTemplate.LaunchTemplateDataProperty(
        instance_type="p5.48xlarge", network_interfaces=interfaces
    )
    ec2.CfnLaunchTemplate(stack, "LaunchTemplate", launch_template_data=data)


def allow_internally(group):
    group.connections.allow_internally(ec2.Port.all_traffic())


def add_both_rules(group):
    group.add_ingress_rule(group, ec2.Port.all_traffic())
    group.add_egress_rule(group, ec2.Port.all_traffic())


@pytest.mark.parametrize("idiom", [allow_internally, add_both_rules])
def test_the_cdks_default_egress_is_found(stack, synthesize, idiom):
    """The CDK drops the rule to the group itself where all traffic may leave anyway."""
    group = ec2.SecurityGroup(stack, "Efa", vpc=ec2.Vpc(stack, "Vpc"))
    idiom(group)
    efa_template(stack, group)

    found = check({"theirs": synthesize(stack).template})

    assert {finding.rule for finding in found} == {"efa-self-egress"}


def test_the_cdks_group_with_both_rules_is_clean(stack, synthesize):
    group = ec2.SecurityGroup(stack, "Efa", vpc=ec2.Vpc(stack, "Vpc"))
    allow_internally(group)
    ec2.CfnSecurityGroupEgress(
        stack,
        "ToItself",
        group_id=group.security_group_id,
        destination_security_group_id=group.security_group_id,
        ip_protocol="-1",
    )
    efa_template(stack, group)

    assert check({"theirs": synthesize(stack).template}) == []


def test_a_group_without_any_rule_for_itself_is_found_both_ways(stack, synthesize):
    group = ec2.SecurityGroup(stack, "Efa", vpc=ec2.Vpc(stack, "Vpc"))
    efa_template(stack, group)

    found = check({"theirs": synthesize(stack).template})

    assert {finding.rule for finding in found} == {"efa-self-egress", "efa-self-ingress"}


def test_a_group_from_elsewhere_may_be_right(stack, synthesize):
    efa_template(stack, ec2.SecurityGroup.from_security_group_id(stack, "Efa", "sg-0123"))

    assert check({"theirs": synthesize(stack).template}) == []


def test_another_group_beside_one_that_allows_itself_is_harmless(prod):
    prod.add("AWS::EC2::SecurityGroup", {"GroupDescription": "plain", "VpcId": "vpc-0123"})
    for interface in prod.interfaces():
        interface["Groups"].append({"Ref": "Planted"})

    assert prod.rules == set()


def test_nodes_without_the_clusters_group_are_found(prod):
    for interface in prod.interfaces():
        del interface["Groups"][0]

    assert prod.rules == {"cluster-group"}


def test_a_rule_that_lets_the_cluster_in_stands_in_for_its_group(prod):
    for interface in prod.interfaces():
        own = interface["Groups"].pop()
        theirs = interface["Groups"].pop()
        interface["Groups"].append(own)
    prod.add(INGRESS, {"GroupId": own, "SourceSecurityGroupId": theirs, "IpProtocol": "-1"})

    assert prod.rules == set()


def ssh(prod, source):
    group = next(iter(prod.interfaces()[0]["Groups"][1:]))
    prod.add(
        INGRESS, {"GroupId": group, "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22} | source
    )


@pytest.mark.parametrize(
    "source",
    [{"CidrIp": "0.0.0.0/0"}, {"CidrIp": "128.0.0.0/1"}, {"CidrIpv6": "::/0"}],
    ids=lambda source: next(iter(source.values())),
)
def test_ssh_from_the_world_is_found(prod, source):
    ssh(prod, source)

    [finding] = prod.findings

    assert finding.rule == "ssh-from-world"
    assert finding.logical_id == "Planted"


@pytest.mark.parametrize(
    "source",
    [{"CidrIp": "10.0.0.0/8"}, {"CidrIpv6": "fc00::/7"}, {"CidrIp": {"Ref": "Unknown"}}],
    ids=lambda source: str(next(iter(source.values()))),
)
def test_ssh_from_the_network_is_not(prod, source):
    ssh(prod, source)

    assert prod.rules == set()


def test_ssh_from_the_world_is_found_in_a_group_made_elsewhere(prod):
    rule = {"GroupId": "sg-0123456789abcdef0", "FromPort": "22", "ToPort": "22"} | WORLD
    prod.add(INGRESS, rule)

    assert prod.rules == {"ssh-from-world"}


@pytest.mark.parametrize(
    ("rules", "ingress"),
    [
        ({"ssh-from-world"}, WORLD | {"FromPort": 0, "ToPort": 1024}),
        ({"ssh-from-world"}, {"IpProtocol": "-1", "CidrIp": "0.0.0.0/0"}),
        ({"nodes-from-world"}, WORLD | {"FromPort": 10250, "ToPort": 10250}),
        ({"nodes-from-world"}, WORLD | {"FromPort": 443, "ToPort": 443}),
    ],
)
def test_what_is_open_to_the_world_on_a_node_is_found(prod, rules, ingress):
    prod.only("AWS::EC2::SecurityGroup")["SecurityGroupIngress"] = [ingress]

    assert prod.rules == rules


def test_a_load_balancer_may_be_open_to_the_world():
    group = {"SecurityGroupIngress": WORLD | {"FromPort": 443, "ToPort": 443}}
    resources = {"LoadBalancers": {"Type": "AWS::EC2::SecurityGroup", "Properties": group}}

    assert check({"theirs": {"Resources": resources}}) == []


def test_remote_access_without_a_source_is_found():
    group = {"RemoteAccess": {"Ec2SshKey": "key"}, "ReleaseVersion": "1.35.6-20260714"}
    resources = {"Nodes": {"Type": "AWS::EKS::Nodegroup", "Properties": group}}

    [finding] = check({"theirs": {"Resources": resources}})

    assert finding.rule == "ssh-without-source"


def test_a_stack_is_needed_only_to_see_what_is_in_it(prod):
    """A pool's template alone: the cluster's group is known by the name of its output."""
    prod.drop(EGRESS)
    alone = {"pool": prod.pool("trn1")}

    assert [finding.rule for finding in check(alone)] == ["efa-self-egress"]
