"""What an environment file is made of: sections, and values, each kind with its form's rule."""

import ipaddress
import json
import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, Strict

from stacks.config import values
from stacks.config.errors import nearest
from stacks.config.types import known_instance
from workloads.hardware import INSTANCES, REGIONS
from workloads.versions import VERSIONS


class Section(BaseModel):
    """Base of every section: immutable, and a misspelt key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _known_region(region: str) -> str:
    if region not in REGIONS:
        meant = nearest(region, REGIONS, most=2)
        hint = f"did you mean {meant}?" if meant else f"known: {', '.join(REGIONS)}"
        raise ValueError(
            f"not a region of the hardware table; {hint} "
            f"(`python -m operations.catalog --region R` adds a new region)"
        )
    return region


def _zone_id(zone: str) -> str:
    if re.fullmatch(r"[a-z]{2}(-[a-z]+)+-\d[a-z]", zone):
        raise ValueError(
            "a zone name stands for another place in every account; "
            "give the zone's ID, such as use2-az1 (`aws ec2 describe-availability-zones` has both)"
        )
    if not re.fullmatch(r"[a-z]+\d-az\d", zone):
        raise ValueError("not the ID of an Availability Zone, such as use2-az1")
    return zone


def _hosting_type(name: str) -> str:
    """A SageMaker hosting type that the endpoint's image supports."""
    families = VERSIONS.sagemaker.families
    known = [f"ml.{i.name}" for i in INSTANCES.values() if i.family in families]
    if name not in known:
        raise ValueError(f"not a Neuron type of SageMaker endpoints; known: {', '.join(known)}")
    return name


_PRIVATE = [ipaddress.IPv4Network(r) for r in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")]


def _private_cidr(cidr: str) -> str:
    try:
        network = ipaddress.IPv4Network(cidr, strict=False)
    except ValueError:
        raise ValueError("not an IPv4 range such as 10.0.0.0/16") from None
    if not any(network.subnet_of(private) for private in _PRIVATE):
        raise ValueError("not private; choose within 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16")
    if network.prefixlen < 16:
        part = next(network.subnets(new_prefix=16))
        raise ValueError(
            f"EC2 takes a VPC of at most /16; write a part of the range, such as {part}"
        )
    if network.prefixlen > 20:
        raise ValueError(
            "pods and EFA interfaces need at least /20; write a range of /16 to /20, such as "
            "10.0.0.0/16"
        )
    if str(network) != cidr:
        raise ValueError(f"write the range by its first address, {network}")
    return cidr


def _lustre_size(gib: int) -> int:
    if gib < 0 or (gib != 1200 and gib % 2400):
        raise ValueError("FSx for Lustre comes in 1200 GiB or a multiple of 2400; 0 means none")
    return gib


*_OLDER, _NEWEST = (json.dumps(version) for version in VERSIONS.kubernetes)
_KUBERNETES = f"{', '.join(_OLDER)} or {_NEWEST}"


def _quoted(version: object) -> object:
    if type(version) in (int, float):
        raise ValueError(
            f"it is a number, which drops a last zero; write it in quotes: {_KUBERNETES}"
        )
    return version


def _known_version(version: str) -> str:
    if version not in VERSIONS.kubernetes:
        raise ValueError(f"no node image is pinned for it; choose {_KUBERNETES}")
    return version


def unique(values: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse a list that names something twice."""
    for value in values:
        if values.count(value) > 1:
            raise ValueError(f"{value} is given twice; give it once")
    return values


def name_pattern(length: int) -> str:
    """What CloudFormation, EKS and SageMaker all take as (a part of) a name."""
    return rf"^[a-z]([a-z0-9-]{{0,{length - 2}}}[a-z0-9])?$"


NAME = (
    "up to {} lower-case letters, digits and hyphens that start with a letter and end with a "
    "letter or a digit"
)

Count = Annotated[int, Strict()]
Switch = Annotated[bool, Strict(), Field(description="true or false, without quotes")]
Name = Annotated[str, Field(pattern=name_pattern(20), description=NAME.format(20))]
LongName = Annotated[str, Field(pattern=name_pattern(40), description=NAME.format(40))]
Tags = Annotated[dict[str, str], AfterValidator(values.tags)]
Region = Annotated[
    str, AfterValidator(_known_region), Field(description="an AWS region, such as us-east-2")
]
Account = Annotated[
    str | None,
    Field(pattern=r"^[0-9]{12}$", description='12 digits in quotes, such as "111122223333"'),
]
Zone = Annotated[
    str,
    AfterValidator(_zone_id),
    Field(description="the ID of an Availability Zone, such as use2-az1"),
]
Cidr = Annotated[
    str,
    AfterValidator(_private_cidr),
    Field(description="a private IPv4 range of size /16 to /20, such as 10.0.0.0/16"),
]
LustreGib = Annotated[
    Count,
    AfterValidator(_lustre_size),
    Field(description="a size in GiB: 0 (none), 1200 or a multiple of 2400"),
]
InstanceType = Annotated[
    str,
    AfterValidator(known_instance),
    Field(description="an EC2 instance type, such as trn1.32xlarge"),
]
HostingType = Annotated[
    str,
    AfterValidator(_hosting_type),
    Field(description="a SageMaker instance type, such as ml.inf2.xlarge"),
]
KubernetesVersion = Annotated[
    str,
    BeforeValidator(_quoted),
    AfterValidator(_known_version),
    Field(description=f"in quotes, and {_KUBERNETES}"),
]
RoleArn = Annotated[str, AfterValidator(values.role_arn)]
CertificateArn = Annotated[
    str | None,
    Field(
        pattern=r"^arn:aws:acm:[a-z0-9-]+:[0-9]{12}:certificate/[0-9a-zA-Z-]+$",
        description="the ARN of a certificate in AWS Certificate Manager",
    ),
]
HttpsUrl = Annotated[
    str,
    Field(
        pattern=r"^https://[a-z0-9.-]+(:[0-9]+)?(/[^\s?#]*)?$",
        max_length=256,
        description="an HTTPS URL of up to 256 characters, such as https://issuer.example.com",
    ),
]
TenantName = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$",
        description="a tenant's name: up to 128 letters, digits and . _ : / - that start with a "
        "letter or a digit",
    ),
]
GuardrailArn = Annotated[
    str,
    Field(
        pattern=r"^arn:aws:bedrock:[a-z0-9-]+:[0-9]{12}:guardrail/[a-z0-9]+$",
        description="the ARN of a Bedrock guardrail, such as "
        "arn:aws:bedrock:us-east-2:111122223333:guardrail/abc123",
    ),
]
Reservation = Annotated[
    str | None,
    Field(
        pattern=r"^cr-([0-9a-f]{8}|[0-9a-f]{17})$",
        description="the ID of a capacity reservation, such as cr-0123456789abcdef0",
    ),
]
Email = Annotated[
    str,
    Field(
        pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$",
        description="an e-mail address, such as platform@example.com",
    ),
]
