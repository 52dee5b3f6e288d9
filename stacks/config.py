"""The deployment's configuration: what may be set, its defaults, its rules.

An environment is one TOML file in stacks/environments/; the file's name is the environment's.
What a file does not set has its default here; what it sets wrongly is a ConfigError, whose text
names the file, the key, the value and what would be right.
"""

import ipaddress
import re
import tomllib
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    Strict,
    ValidationError,
    model_validator,
)

from stacks import config_rules as rules
from stacks.config_errors import sentences, wrong
from workloads.gateway.config import ModelConfig, check_models
from workloads.hardware import INSTANCES, Instance
from workloads.versions import VERSIONS

ENVIRONMENTS = Path(__file__).parent / "environments"


class ConfigError(ValueError):
    """An environment file that cannot be used; one line per mistake."""


def _private_cidr(cidr: str) -> str:
    try:
        network = ipaddress.IPv4Network(cidr, strict=False)
    except ValueError:
        raise ValueError("not an IPv4 range such as 10.0.0.0/16") from None
    if str(network) != cidr:
        raise ValueError(f"the range begins elsewhere; write {network}")
    if not any(network.subnet_of(private) for private in _RFC1918):
        raise ValueError("not private; choose within 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16")
    if not 16 <= network.prefixlen <= 20:
        raise ValueError(
            "a VPC with EKS pods and EFA interfaces needs a size of /16 (65,536 addresses) to /20"
        )
    return cidr


_RFC1918 = [ipaddress.IPv4Network(r) for r in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")]


def _lustre_size(gib: int) -> int:
    if gib < 0 or (gib != 1200 and gib % 2400):
        raise ValueError("FSx for Lustre comes in 1200 GiB or a multiple of 2400; 0 means none")
    return gib


def _unique(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        if values.count(value) > 1:
            raise ValueError(f"{value} is given twice; give it once")
    return values


Count = Annotated[int, Strict()]
Switch = Annotated[bool, Strict(), Field(description="true or false, without quotes")]
Zone = Annotated[str, AfterValidator(rules.zone_id)]
Name = Annotated[
    str,
    Field(
        pattern=r"^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$",
        description="up to 20 lower-case letters, digits and hyphens that start with a letter",
    ),
]
RoleArn = Annotated[
    str,
    Field(
        pattern=r"^arn:aws:iam::\d{12}:role/[\w+=,.@/-]+$",
        description="ARNs of IAM roles, such as arn:aws:iam::111122223333:role/Admin",
    ),
]


class Section(BaseModel):
    """Base of every section: immutable, and a misspelt key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class NetworkConfig(Section):
    """The VPC: which Availability Zones, how large, and which way out."""

    zones: Annotated[
        tuple[Zone, ...],
        AfterValidator(_unique),
        Field(
            min_length=2,
            description="the IDs of two or more Availability Zones (EKS needs two), such as "
            '["use2-az1", "use2-az2"]',
        ),
    ]
    cidr: Annotated[str, AfterValidator(_private_cidr)] = "10.0.0.0/16"
    egress: Annotated[
        Literal["nat", "private"],
        Field(description='"nat", or "private" for VPC endpoints only and no way out'),
    ] = "nat"


class StorageConfig(Section):
    """Buckets, and a Lustre file system where one is wanted."""

    retain: Switch = True
    lustre_gib: Annotated[
        Count,
        AfterValidator(_lustre_size),
        Field(description="a size in GiB: 0 (none), 1200 or a multiple of 2400"),
    ] = 0


class ClusterConfig(Section):
    """The EKS control plane, and who may administer it."""

    kubernetes_version: Annotated[
        Literal[tuple(VERSIONS.kubernetes)],  # type: ignore[valid-type]  # known once it is read
        Field(description=f"in quotes, and one of {', '.join(VERSIONS.kubernetes)}"),
    ] = "1.35"
    endpoint: Annotated[
        Literal["private", "public"], Field(description='"private" or "public"')
    ] = "private"
    admins: Annotated[
        tuple[RoleArn, ...],
        AfterValidator(_unique),
        Field(description="a list of ARNs of IAM roles"),
    ] = ()


class CapacityConfig(Section):
    """How a pool's instances are bought."""

    kind: Annotated[
        Literal["on-demand", "spot", "reservation", "capacity-block"],
        Field(description='"on-demand", "spot", "reservation" or "capacity-block"'),
    ] = "on-demand"
    reservation: Annotated[
        str | None,
        Field(
            pattern=r"^cr-([0-9a-f]{8}|[0-9a-f]{17})$",
            description="the ID of a capacity reservation, such as cr-0123456789abcdef0",
        ),
    ] = None
    placement_group: Annotated[
        str | None,
        Field(pattern=r"^[\x21-\x7e]{1,255}$", description="the name of a placement group"),
    ] = None


def _efa_by_default(pool: dict[str, object]) -> bool:
    instance = INSTANCES[str(pool["instance_type"])]
    return instance.efa_interfaces > 0 and pool["max_nodes"] != 1


class NodePoolConfig(Section):
    """One pool of identical nodes in one Availability Zone."""

    name: Name
    instance_type: Annotated[
        str,
        AfterValidator(rules.known_instance),
        Field(description="an EC2 instance type, such as trn1.32xlarge"),
    ]
    zone: Annotated[Zone, Field(description="the ID of one Availability Zone, such as use2-az1")]
    min_nodes: Annotated[Count, Field(ge=0, description="a whole number of nodes, 0 or more")] = 0
    max_nodes: Annotated[
        Count, Field(ge=1, le=450, description="a whole number of nodes from 1 to 450")
    ] = 1
    # By default true where the type has EFA and the pool can hold more than one node.
    efa: Switch = Field(default_factory=_efa_by_default)
    capacity: CapacityConfig = CapacityConfig()

    @property
    def hardware(self) -> Instance:
        return INSTANCES[self.instance_type]

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.min_nodes > self.max_nodes:
            raise wrong(
                "min_nodes", self.min_nodes, f"more than max_nodes, which is {self.max_nodes}"
            )
        rules.check_efa(self.hardware, self.efa)
        rules.check_capacity(
            self.hardware,
            self.capacity.kind,
            self.capacity.reservation,
            self.capacity.placement_group,
        )
        return self


class EndpointConfig(Section):
    """A SageMaker real-time endpoint for one model of the models bucket."""

    name: Annotated[
        str,
        Field(
            pattern=r"^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$",
            description="up to 40 lower-case letters, digits and hyphens that start with a letter",
        ),
    ]
    instance_type: Annotated[
        str,
        AfterValidator(rules.hosting_type),
        Field(description="a SageMaker instance type, such as ml.inf2.xlarge"),
    ]
    model: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)*$",
            description="a prefix in the models bucket, such as tiny-llama, without a slash at "
            "either end",
        ),
    ]


class GatewayConfig(Section):
    """The gateway: where it runs and the table of models it serves."""

    image: Annotated[
        str | None,
        Field(pattern=r"^\S+$", description="the URI of a container image"),
    ] = None
    public: Switch = False
    certificate: Annotated[
        str | None,
        Field(
            pattern=r"^arn:aws:acm:[a-z0-9-]+:\d{12}:certificate/[0-9a-zA-Z-]+$",
            description="the ARN of a certificate in AWS Certificate Manager",
        ),
    ] = None
    models: tuple[ModelConfig, ...] = ()

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.public and self.certificate is None:
            raise wrong(
                "public",
                True,
                "a public gateway needs certificate, the ARN of its certificate in AWS "
                "Certificate Manager; set it, or set public = false",
            )
        try:
            check_models(self.models)
        except ValueError as error:
            raise wrong("models", None, f"do not fit together: {error}") from error
        return self


class BudgetConfig(Section):
    """The monthly amount whose approach is mailed."""

    monthly_usd: Annotated[
        float,
        Strict(),
        Field(gt=0, allow_inf_nan=False, description="an amount in USD above 0"),
    ]
    email: Annotated[
        str,
        Field(
            pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$",
            description="an e-mail address, such as platform@example.com",
        ),
    ]


class EnvironmentConfig(Section):
    """Everything one environment file may say. Without [gateway] or [budget] there is none."""

    region: Annotated[
        str,
        AfterValidator(rules.known_region),
        Field(description="an AWS region, such as us-east-2"),
    ]
    account: Annotated[
        str | None,
        Field(pattern=r"^\d{12}$", description='12 digits in quotes, such as "111122223333"'),
    ] = None
    tags: dict[str, str] = {}
    network: Annotated[NetworkConfig, Field(description="a table [network] with the key zones")]
    storage: StorageConfig = StorageConfig()
    cluster: ClusterConfig = ClusterConfig()
    pools: tuple[NodePoolConfig, ...] = ()
    endpoints: tuple[EndpointConfig, ...] = ()
    gateway: GatewayConfig = GatewayConfig()
    budget: BudgetConfig | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        rules.check_network_zones(self.region, self.network.zones)
        for kind, names in (
            ("pools", [pool.name for pool in self.pools]),
            ("endpoints", [endpoint.name for endpoint in self.endpoints]),
        ):
            for name in names:
                if names.count(name) > 1:
                    raise wrong(f"{kind}.name", name, "given twice; each name must be unique")
        for pool in self.pools:
            key = f'pools["{pool.name}"]'
            rules.check_offered(key, pool.hardware, pool.zone, self.region, self.network.zones)
            rules.check_neuron_stack(key, pool.hardware, self.cluster.kubernetes_version)
        if self.endpoints:
            rules.check_hosting_region(self.region)
        if self.gateway.certificate:
            rules.check_certificate(self.gateway.certificate, self.region, self.account)
        return self


def load_environments(folder: Path = ENVIRONMENTS) -> dict[str, EnvironmentConfig]:
    """Read every environment file of a folder; the file's name is the environment's.

    Raises ConfigError if any cannot be used, or if there is none.
    """
    if not folder.is_dir():
        raise ConfigError(f"{folder} is not a folder; give one that holds environment files")
    paths = sorted(folder.glob("*.toml"))
    if not paths:
        raise ConfigError(f"{folder} holds no environment file, such as dev.toml")
    return {path.stem: _load(path) for path in paths}


def _load(path: Path) -> EnvironmentConfig:
    if not re.fullmatch(r"[a-z]([a-z0-9-]{0,18}[a-z0-9])?", path.stem):
        raise ConfigError(
            f"{path}: an environment's name, here {path.stem!r}, must be up to 20 lower-case "
            "letters, digits and hyphens that start with a letter"
        )
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        return EnvironmentConfig.model_validate(data)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text (byte {error.start})") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error
    except ValidationError as error:
        lines = sentences(error, EnvironmentConfig, data)
        raise ConfigError("\n".join(f"{path}: {line}" for line in lines)) from None
