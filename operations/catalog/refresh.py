"""Ask EC2 which instance types there are and in which zones, and shape the answer into rows.

A region describes only the types it offers, and the account's region list holds only the regions
it has enabled, so the rows are merged: a region that was asked replaces what was known of it, a
region that was not asked keeps it.
"""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TypedDict

from botocore.exceptions import BotoCoreError, ClientError

from workloads.hardware import CHIPS

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.type_defs import InstanceTypeInfoTypeDef


class Row(TypedDict):
    """One instance type as hardware.json holds it.

    `chip` is the accelerator's name in the API (None: the API names none) and `chips` their number;
    `ipv4_per_interface` is the addresses an interface can have; `network_cards` has [index,
    interfaces, can carry an EFA interface] per card; `zones` maps a region to the zone IDs that
    offer the type.
    """

    vcpus: int
    cores: int
    memory_gib: float
    chip: str | None
    chips: int
    local_nvme_gb: int
    efa_interfaces: int
    ipv4_per_interface: int
    network_cards: list[list[int | bool]]
    usage_classes: list[str]
    zones: dict[str, list[str]]


Rows = dict[str, Row]


class NoAnswer(Exception):
    """EC2 could not be asked, or knows none of the families; the text is a sentence."""


class Unfit(Exception):
    """EC2 has the type, and this deployment cannot use it as it is; the text is a sentence."""


def family(instance_type: str) -> str:
    """The part of the name before the size: "p6-b200" of "p6-b200.48xlarge"."""
    return instance_type.partition(".")[0]


def refresh(
    client: Callable[[str], "EC2Client"],
    regions: Sequence[str],
    families: Collection[str],
    known: Mapping[str, Row],
    progress: Callable[[str], None],
) -> Rows:
    """The rows after asking `regions` for `families`; `client` makes the EC2 client of a region.

    Raises NoAnswer, of an empty answer too (emulators without EC2's data give it), and Unfit.
    """
    described: Rows = {}
    zones = {
        name: {region: ids for region, ids in row["zones"].items() if region not in regions}
        for name, row in known.items()
    }
    for number, region in enumerate(regions, start=1):
        try:
            ec2 = client(region)
            offered = _offerings(ec2, families)
            if new := sorted(offered.keys() - described.keys()):
                described |= _descriptions(ec2, new)
        except (BotoCoreError, ClientError) as error:
            raise NoAnswer(f"EC2 in {region} did not answer: {error}") from error
        for name, ids in offered.items():
            zones.setdefault(name, {})[region] = ids
        progress(f"{region}: {len(offered)} types offered ({number} of {len(regions)} regions)")
    if not described:
        raise NoAnswer(f"EC2 offers none of the families in {', '.join(regions)}")
    if absent := set(families) - {family(name) for name in zones}:
        raise NoAnswer(f"EC2 offers no type of {', '.join(sorted(absent))} in {', '.join(regions)}")
    rows = dict(known) | described
    return {
        name: Row(**(rows[name] | {"zones": dict(sorted(zones[name].items()))}))
        for name in sorted(rows)
        if zones[name]
    }


def _offerings(ec2: "EC2Client", families: Collection[str]) -> dict[str, list[str]]:
    """The zone IDs of this region that offer each type of the families."""
    pages = ec2.get_paginator("describe_instance_type_offerings").paginate(
        LocationType="availability-zone-id"
    )
    offered: dict[str, list[str]] = {}
    for page in pages:
        for offering in page["InstanceTypeOfferings"]:
            if family(offering["InstanceType"]) in families:
                offered.setdefault(offering["InstanceType"], []).append(offering["Location"])
    return {name: sorted(ids) for name, ids in offered.items()}


def _descriptions(ec2: "EC2Client", names: Iterable[str]) -> Rows:
    """The rows of `names`, asked by family, so that one question answers for all its sizes."""
    wanted = set(names)
    patterns = sorted({f"{family(name)}.*" for name in wanted})
    pages = ec2.get_paginator("describe_instance_types").paginate(
        Filters=[{"Name": "instance-type", "Values": patterns}]
    )
    return {
        answer["InstanceType"]: row(answer)
        for page in pages
        for answer in page["InstanceTypes"]
        if answer["InstanceType"] in wanted
    }


def row(answer: "InstanceTypeInfoTypeDef") -> Row:
    """What one entry of DescribeInstanceTypes says, without the zones. Raises Unfit."""
    name = answer["InstanceType"]
    if "x86_64" not in answer["ProcessorInfo"]["SupportedArchitectures"]:
        raise Unfit(f"{name} has an Arm processor, and node images and containers are x86-64")
    network = answer["NetworkInfo"]
    accelerators = [
        *answer.get("NeuronInfo", {}).get("NeuronDevices", []),
        *answer.get("GpuInfo", {}).get("Gpus", []),
    ]
    chip = accelerators[0]["Name"] if accelerators else None
    if chip and chip not in CHIPS:
        raise Unfit(
            f"{name} has {chip}, of which workloads/hardware.toml has no row; add one, "
            f"[chips.{chip}], with its source, and run this again"
        )
    mib = answer["MemoryInfo"]["SizeInMiB"]
    return Row(
        vcpus=answer["VCpuInfo"]["DefaultVCpus"],
        cores=answer["VCpuInfo"]["DefaultCores"],
        memory_gib=mib // 1024 if mib % 1024 == 0 else mib / 1024,
        chip=chip,
        chips=sum(accelerator["Count"] for accelerator in accelerators),
        local_nvme_gb=answer.get("InstanceStorageInfo", {}).get("TotalSizeInGB", 0),
        efa_interfaces=network.get("EfaInfo", {}).get("MaximumEfaInterfaces", 0),
        ipv4_per_interface=network["Ipv4AddressesPerInterface"],
        network_cards=[
            [
                card["NetworkCardIndex"],
                card["MaximumNetworkInterfaces"],
                "efa" in card.get("InterfaceTypes", []),
            ]
            for card in network["NetworkCards"]
        ],
        usage_classes=sorted(answer["SupportedUsageClasses"]),
        zones={},
    )


def dump(rows: Mapping[str, Row]) -> str:
    """The rows as JSON, sorted and one type per line, so that a change can be reviewed."""
    lines = (f"{json.dumps(name)}: {json.dumps(rows[name])}" for name in sorted(rows))
    return "{\n" + ",\n".join(lines) + "\n}\n"


def differences(old: Mapping[str, Row], new: Mapping[str, Row]) -> list[str]:
    """The names of the types that were added, removed or changed, sorted."""
    return sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
