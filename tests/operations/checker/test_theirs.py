"""Templates in another team's style: YAML, short tags, parameters, Auto Scaling groups."""

from pathlib import Path

import pytest

from operations.checker.__main__ import main
from operations.checker.checking import judge
from operations.checker.loading import load

THEIRS = Path(__file__).parent / "theirs"


def rules(folder):
    return {finding.rule for templates in load([folder]) for finding in judge(templates)}


@pytest.fixture
def spoil(tmp_path):
    """Copy the folder with one piece of text replaced, and give the rules that do not hold."""

    def spoilt(name, old, new):
        for file in THEIRS.iterdir():
            text = file.read_text()
            if file.name == name:
                assert text.count(old) == 1
                text = text.replace(old, new)
            (tmp_path / file.name).write_text(text)
        return rules(tmp_path)

    return spoilt


def test_their_templates_are_clean(capsys):
    assert main([str(THEIRS)]) == 0
    assert capsys.readouterr().out.startswith(f"{len(list(THEIRS.iterdir()))} templates, ")


@pytest.mark.parametrize(
    ("rule", "old", "new"),
    [
        ("device-index", "DeviceIndex: 1", "DeviceIndex: 2"),
        ("network-card", "NetworkCardIndex: 0\n            DeviceIndex: 1", "NetworkCardIndex: 1"),
        ("sold-that-way", "Default: trn2.3xlarge", "Default: inf2.48xlarge"),
        ("zone-offers-type", "Default: trn2.3xlarge", "Default: trn2.48xlarge"),
        ("type-is-rented", "Default: trn2.3xlarge", "Default: trn3.48xlarge"),
        ("block-starts-at-zero", "Default: 0", "Default: 2"),
        ("block-form", "CapacityReservationId: !Ref Block", "{}"),
        (
            "placement-with-reservation",
            "MetadataOptions:",
            "Placement: {GroupName: theirs}\n        MetadataOptions:",
        ),
        ("efa-self-egress", "Type: AWS::EC2::SecurityGroupEgress", "Type: AWS::EC2::Unknown"),
        ("efa-self-ingress", "IpProtocol: -1", "IpProtocol: tcp"),
        ("ssh-from-world", 'Default: ""', "Default: 10.0.0.0/8"),
        (
            "image-pinned",
            "Type: AWS::EC2::Image::Id\n    Default: ami-0123456789abcdef0",
            "Type: AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>\n    Default: /aws/service/eks/"
            "optimized-ami/1.35/amazon-linux-2023/x86_64/neuron/recommended/image_id",
        ),
        (
            "image-pinned",
            "ami-0123456789abcdef0",
            '"{{resolve:ssm:/aws/service/neuron/dlami/base/ubuntu-24.04/latest/image_id}}"',
        ),
        (
            "user-data-cluster",
            "                apiServerEndpoint: ${ClusterEndpoint}\n"
            "                certificateAuthority: ${ClusterCertificate}\n",
            "",
        ),
        (
            "user-data-installs",
            "--BOUNDARY--",
            "dnf install -y aws-neuronx-tools\n            --BOUNDARY--",
        ),
        ("metadata-token", "HttpTokens: required", "HttpTokens: optional"),
        ("metadata-hops", 'HttpPutResponseHopLimit: "1"', 'HttpPutResponseHopLimit: "2"'),
        ("root-volume-size", 'VolumeSize: "512"', 'VolumeSize: "50"'),
        ("volumes-encrypted", 'Encrypted: "true"', 'Encrypted: "false"'),
        ("volumes-encrypted", ', Encrypted: "true"', ""),
    ],
)
def test_a_trap_in_their_template_is_found(spoil, rule, old, new):
    assert rule in spoil("self_managed.yaml", old, new)


def test_a_version_of_a_parameter_is_pinned(spoil):
    pinned = '"{{resolve:ssm:/theirs/latest/image:3}}"'
    assert spoil("self_managed.yaml", "ami-0123456789abcdef0", pinned) == set()


def test_their_zone_is_followed_through_an_exported_name(spoil):
    assert spoil("network.yaml", "Default: sae1-az1", "Default: use1-az1") == {"zone-offers-type"}


@pytest.mark.parametrize(
    ("pool", "place", "value"),
    [
        ("trn1", "data", {"SecurityGroupIds": ["sg-0123456789abcdef0"]}),
        ("trn1", "data", {"IamInstanceProfile": {"Name": "nodes"}}),
        ("trn1", "data", {"Placement": {"GroupName": "theirs"}}),
        ("trn1", "data", {"MetadataOptions": {"HttpTokens": "optional"}}),
        ("trn1", "data", {"CapacityReservationSpecification": {"CapacityReservationTarget": {}}}),
        ("trn1", "data", {"NetworkInterfaces": []}),
        ("trn1", "data", {"BlockDeviceMappings": []}),
        ("trn1", "group", {"DiskSize": 100}),
        ("trn1", "group", {"InstanceTypes": ["trn1.32xlarge"]}),
        ("trn1", "group", {"ReleaseVersion": "1.30.0-20240101"}),
        ("trn1", "group", {"RemoteAccess": {"Ec2SshKey": "key"}}),
        ("trn1", "group", {"Taints": []}),
        ("trn1", "group", {"CapacityType": "SPOT"}),
        ("epyc", "data", {"ImageId": "ami-0123456789abcdef0"}),
    ],
)
def test_what_a_condition_may_take_away_is_not_judged(prod, pool, place, value):
    template = prod.pool(pool)
    template["Parameters"] = template.get("Parameters", {}) | {"Wanted": {"Type": "String"}}
    template["Conditions"] = {"Wanted": {"Fn::Equals": [{"Ref": "Wanted"}, "yes"]}}
    [(key, wanted)] = value.items()
    getattr(prod, place)(pool)[key] = {"Fn::If": ["Wanted", wanted, {"Ref": "AWS::NoValue"}]}

    assert prod.rules == set()


def test_what_their_deployment_decides_is_not_judged(spoil):
    assert spoil("network.yaml", "    Default: sae1-az1\n", "") == set()
    assert spoil("self_managed.yaml", "    Default: trn2.3xlarge\n", "") == set()
    assert spoil("self_managed.yaml", "Groups: &groups [!Ref Group, ", "Groups: &groups [") == set()
