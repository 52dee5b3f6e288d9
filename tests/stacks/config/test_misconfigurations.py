"""Mistakes that people reported from real deployments, one environment file each.

The head of a file in misconfigurations/ says where it was reported and what happened there, then
either `refused:` (what the sentence must say, in this order: key and value, reason, remedy,
separated by bars) or `harmless:` with the names of the properties below that prove it. A line
after a comment `# instead:` is the mistake, and that comment's text is the line without it.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

from app import compose
from operations.checker import check
from stacks.config import ConfigError, EnvironmentConfig, NodePoolConfig, load_environments
from workloads.hardware import INSTANCES

FOLDER = Path(__file__).parent / "misconfigurations"
ENVIRONMENT = "dev"
LONGEST = 400  # characters that a tired engineer still reads as one sentence


@dataclass(frozen=True, kw_only=True)
class Misconfiguration:
    """One file: its head, and all of its text."""

    name: str
    head: Mapping[str, str]
    text: str

    @property
    def environment(self) -> str:
        return self.head.get("file", ENVIRONMENT)

    @property
    def fragments(self) -> list[str]:
        return self.head["refused"].split(" | ")

    @property
    def corrected(self) -> str:
        """The file without its mistake."""
        return re.sub(r"^# instead: ?(.*)\n.*\n", r"\1\n", self.text, flags=re.MULTILINE)


def _read(path: Path) -> Misconfiguration:
    text = path.read_text(encoding="utf-8")
    head = text.partition("\n\n")[0]
    pairs = re.findall(r"^# (\w+): (.+)$", head, flags=re.MULTILINE)
    return Misconfiguration(name=path.stem, head=dict(pairs), text=text)


EVERY = [_read(path) for path in sorted(FOLDER.glob("*.toml"))]
REFUSED = [case for case in EVERY if "refused" in case.head]
HARMLESS = [case for case in EVERY if "harmless" in case.head]


def named(cases: list[Misconfiguration]) -> Any:
    return pytest.mark.parametrize("case", cases, ids=[case.name for case in cases])


def load(folder: Path, name: str, text: str) -> EnvironmentConfig:
    (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    return load_environments(folder)[name]


def test_there_are_at_least_sixty_each_from_a_report_of_its_own():
    reports = Counter(case.head.get("report") for case in EVERY)

    assert len(EVERY) >= 60
    assert [report for report, uses in reports.items() if uses > 1] == []
    assert len(REFUSED) + len(HARMLESS) == len(EVERY)


@named(EVERY)
def test_a_file_says_where_it_was_reported_and_what_happened(case):
    verdict = {"refused"} if case in REFUSED else {"harmless", "proven"}

    assert set(case.head) - {"file"} == {"report", "happened"} | verdict
    assert re.fullmatch(r"https://[a-z.]+/\S+", case.head["report"])
    assert re.fullmatch(r"\S.{20,}\.", case.head["happened"])


@named(REFUSED)
def test_it_is_refused_with_one_sentence_that_names_key_value_and_remedy(case, tmp_path):
    with pytest.raises(ConfigError) as refusal:
        load(tmp_path, case.environment, case.text)

    [line] = str(refusal.value).splitlines()
    path, _, sentence = line.partition(": ")
    assert path == str(tmp_path / f"{case.environment}.toml")
    assert sentence.startswith(case.fragments[0])
    assert len(case.fragments) >= 2
    place = 0
    for fragment in case.fragments:
        assert fragment in sentence[place:], sentence
        place = sentence.index(fragment, place) + len(fragment)
    assert len(sentence) <= LONGEST
    assert not re.search(r"pydantic|Input should|validation error|Traceback", sentence)


@named(REFUSED)
def test_without_the_mistake_the_file_is_accepted(case, tmp_path):
    assert "# instead:" in case.text or "file" in case.head
    load(tmp_path, ENVIRONMENT, case.corrected)


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """What a harmless file comes to."""

    config: EnvironmentConfig
    templates: Mapping[str, Mapping[str, Any]] = field(repr=False)  # by the stack's part

    @property
    def pool(self) -> NodePoolConfig:
        [pool] = self.config.pools
        return pool

    def every(self, kind: str, part: str | None = None) -> list[dict[str, Any]]:
        return [
            resource.get("Properties", {})
            for name, template in self.templates.items()
            if part in (None, name)
            for resource in template.get("Resources", {}).values()
            if resource["Type"] == kind
        ]

    @property
    def node_group(self) -> dict[str, Any]:
        [group] = self.every("AWS::EKS::Nodegroup", f"pool-{self.pool.name}")
        return group

    @property
    def template(self) -> dict[str, Any]:
        [template] = self.every("AWS::EC2::LaunchTemplate", f"pool-{self.pool.name}")
        data: dict[str, Any] = template["LaunchTemplateData"]
        return data

    @property
    def interfaces(self) -> list[dict[str, Any]]:
        interfaces: list[dict[str, Any]] = self.template["NetworkInterfaces"]
        return interfaces


def efa_interfaces(it: Deployment) -> None:
    kinds = Counter(interface["InterfaceType"] for interface in it.interfaces)
    assert kinds["efa"] == it.pool.hardware.efa_interfaces > 0


def device_indices(it: Deployment) -> None:
    indices = {(i["NetworkCardIndex"], i["DeviceIndex"]) for i in it.interfaces}
    assert indices == {
        (card, 0 if card == 0 else 1) for card in range(len(it.pool.hardware.network_cards))
    }


def self_referencing_group(it: Deployment) -> None:
    part = f"pool-{it.pool.name}"
    [into] = it.every("AWS::EC2::SecurityGroupIngress", part)
    [out] = it.every("AWS::EC2::SecurityGroupEgress", part)
    assert into["IpProtocol"] == out["IpProtocol"] == "-1"
    assert into["GroupId"] == into["SourceSecurityGroupId"]
    assert out["GroupId"] == out["DestinationSecurityGroupId"] == into["GroupId"]


def groups_in_every_interface(it: Deployment) -> None:
    assert "SecurityGroupIds" not in it.template
    groups = [interface["Groups"] for interface in it.interfaces]
    assert len(groups) > 1
    assert all(len(each) == 2 and each == groups[0] for each in groups)


def no_public_address(it: Deployment) -> None:
    assert not any(i.get("AssociatePublicIpAddress") for i in it.interfaces)
    assert not any(s.get("MapPublicIpOnLaunch") for s in it.every("AWS::EC2::Subnet"))


def no_subnet_in_the_template(it: Deployment) -> None:
    assert not any("SubnetId" in interface for interface in it.interfaces)
    assert len(it.node_group["Subnets"]) == 1


def no_placement_group(it: Deployment) -> None:
    assert "Placement" not in it.template
    assert it.every("AWS::EC2::PlacementGroup") == []


def named_placement_group(it: Deployment) -> None:
    assert it.template["Placement"]["GroupName"] == it.pool.capacity.placement_group
    assert it.every("AWS::EC2::PlacementGroup") == []


def reserved(it: Deployment) -> None:
    target = it.template["CapacityReservationSpecification"]["CapacityReservationTarget"]
    assert target == {"CapacityReservationId": it.pool.capacity.reservation}


def capacity_block(it: Deployment) -> None:
    reserved(it)
    assert it.template["InstanceMarketOptions"]["MarketType"] == "capacity-block"
    assert it.node_group["CapacityType"] == "CAPACITY_BLOCK"
    assert it.node_group["ScalingConfig"]["DesiredSize"] == 0


def sizes_in_order(it: Deployment) -> None:
    sizes = it.node_group["ScalingConfig"]
    assert it.pool.min_nodes == sizes["MinSize"] <= sizes["DesiredSize"] <= sizes["MaxSize"]


def type_in_the_template_alone(it: Deployment) -> None:
    assert it.template["InstanceType"] == it.pool.instance_type
    assert "InstanceTypes" not in it.node_group


def types_of_the_region(it: Deployment) -> None:
    [group] = it.every("AWS::EKS::Nodegroup")
    known = [INSTANCES[name] for name in group["InstanceTypes"] if name in INSTANCES]
    assert known
    assert all(it.config.region in instance.zones for instance in known)


def neuron_image(it: Deployment) -> None:
    assert it.node_group["AmiType"] == "AL2023_x86_64_NEURON"


def pinned_image(it: Deployment) -> None:
    assert re.fullmatch(r"1\.\d+\.\d+-\d{8}", it.node_group["ReleaseVersion"])


def access_entry(it: Deployment) -> None:
    [admin] = it.config.cluster.admins
    entries = it.every("AWS::EKS::AccessEntry", "cluster")
    assert admin in [entry["PrincipalArn"] for entry in entries]


def lustre_size(it: Deployment) -> None:
    [system] = it.every("AWS::FSx::FileSystem", "storage")
    assert system["StorageCapacity"] == it.config.storage.lustre_gib


def private_endpoints(it: Deployment) -> None:
    found = str([e["ServiceName"] for e in it.every("AWS::EC2::VPCEndpoint", "network")])
    for service in ("ecr.api", "ecr.dkr", "s3", "ec2", "eks", "eks-auth"):
        assert re.search(rf"\.{service}'", found), service


def no_public_registry(it: Deployment) -> None:
    assert not re.search(r"public\.ecr\.aws|registry\.k8s\.io|docker\.io", str(it.templates))


PROPERTIES = {
    proof.__name__: proof
    for proof in (
        efa_interfaces,
        device_indices,
        self_referencing_group,
        groups_in_every_interface,
        no_public_address,
        no_subnet_in_the_template,
        no_placement_group,
        named_placement_group,
        reserved,
        capacity_block,
        sizes_in_order,
        type_in_the_template_alone,
        types_of_the_region,
        neuron_image,
        pinned_image,
        access_entry,
        lustre_size,
        private_endpoints,
        no_public_registry,
    )
}


@named(HARMLESS)
def test_it_does_no_harm_here(case, tmp_path, new_app):
    config = load(tmp_path, ENVIRONMENT, case.text)
    target = cdk.Environment(account="111122223333", region=config.region)
    stage = cdk.Stage(new_app(), ENVIRONMENT, env=target)
    compose(stage, config)
    templates = {stack.stack_name: stack.template for stack in stage.synth().stacks}

    assert check(templates) == []
    parts = {name.removeprefix(f"{ENVIRONMENT}-"): body for name, body in templates.items()}
    for proof in case.head["proven"].split(", "):
        PROPERTIES[proof](Deployment(config=config, templates=parts))


def test_every_property_proves_something():
    proven = {proof for case in HARMLESS for proof in case.head["proven"].split(", ")}

    assert proven == set(PROPERTIES)
