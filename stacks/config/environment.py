"""What an environment file may say, section by section, with its defaults and rules.

Pools have a module of their own, pools.py.
"""

from ipaddress import IPv4Network
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, Strict, model_validator

from stacks.config import fields, rules
from stacks.config.errors import wrong
from stacks.config.fields import Section
from stacks.config.gateway import (
    check_guardrails_region,
    check_jwt,
    check_models_region,
    check_remote_images,
)
from stacks.config.pools import NodePoolConfig
from workloads.gateway.config import ModelConfig, check_models


class NetworkConfig(Section):
    """The VPC: which Availability Zones, how large, and which way out."""

    zones: Annotated[
        tuple[fields.Zone, ...],
        AfterValidator(fields.unique),
        Field(
            min_length=2,
            description="the IDs of two or more Availability Zones (EKS needs two), such as "
            '["use2-az1", "use2-az2"]',
        ),
    ]
    cidr: fields.Cidr = "10.0.0.0/16"
    egress: Annotated[
        Literal["nat", "private"],
        Field(description='"nat", or "private" for VPC endpoints only and no way out'),
    ] = "nat"

    @property
    def addresses_per_zone(self) -> int:
        """The addresses that the subnet of each zone's nodes has to give.

        The network is cut for six zones, so each has an eighth of it; EC2 keeps five addresses of
        every subnet to itself.
        """
        return IPv4Network(self.cidr).num_addresses // 8 - 5


class StorageConfig(Section):
    """The buckets, whether their data outlives the stack, and FSx for Lustre where wanted."""

    retain: fields.Switch = True
    lustre_gib: fields.LustreGib = 0


class ClusterConfig(Section):
    """The EKS control plane, and who may administer it."""

    kubernetes_version: fields.KubernetesVersion = "1.35"
    # What hands Neuron devices to pods: Neuron's device plugin, or its DRA driver.
    neuron_allocator: Annotated[
        Literal["device-plugin", "dra"], Field(description='"device-plugin" or "dra"')
    ] = "device-plugin"
    endpoint: Annotated[
        Literal["private", "public"], Field(description='"private" or "public"')
    ] = "private"
    admins: Annotated[
        tuple[fields.RoleArn, ...],
        AfterValidator(fields.unique),
        Field(
            description="a list of ARNs of IAM roles, such as "
            '"arn:aws:iam::111122223333:role/Admin"'
        ),
    ] = ()


class EndpointConfig(Section):
    """A SageMaker real-time endpoint for one model of the models bucket."""

    name: fields.LongName
    instance_type: fields.HostingType
    model: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*(/[A-Za-z0-9][A-Za-z0-9_.-]*)*$",
            description="a prefix in the models bucket, such as tiny-llama, with no slash at "
            "either end",
        ),
    ]


class JwtConfig(Section):
    """Tokens that the load balancer verifies, beside API keys: who issues them."""

    issuer: fields.HttpsUrl
    jwks_endpoint: fields.HttpsUrl
    claim: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9_:./-]{1,128}$",
            description="the name of the claim that says who calls, such as sub or client_id",
        ),
    ] = "sub"


class GatewayConfig(Section):
    """The gateway: what it runs, whether the internet reaches it, and the models it serves.

    `remote_images`: whether images are fetched from public addresses. `jwt` takes tokens beside API
    keys. `cost_tenants`: tenants whose use of Bedrock is billed under
    a tag of their own. `guardrails`: those that tenants' rows may name beside the stack's own.
    """

    image: Annotated[
        str | None, Field(pattern=r"^\S+$", description="the URI of a container image")
    ] = None
    public: fields.Switch = False
    remote_images: fields.Switch = False
    certificate: fields.CertificateArn = None
    jwt: JwtConfig | None = None
    cost_tenants: Annotated[
        tuple[fields.TenantName, ...],
        AfterValidator(fields.unique),
        Field(description='a list of tenants\' names, such as ["team-a"]'),
    ] = ()
    guardrails: Annotated[
        tuple[fields.GuardrailArn, ...],
        AfterValidator(fields.unique),
        Field(description="a list of ARNs of Bedrock guardrails"),
    ] = ()
    models: Annotated[
        tuple[ModelConfig, ...], Field(description="tables, each written [[gateway.models]]")
    ] = ()

    @property
    def runtimes(self) -> tuple[str, ...]:
        """AWS's services where its models answer; guardrails are Bedrock's, also for own models."""
        bedrock = ("bedrock-runtime",) if self.models else ()
        sagemaker = any(model.sagemaker for model in self.models)
        return (*bedrock, *(("sagemaker.runtime",) if sagemaker else ()))

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.public and self.certificate is None:
            raise wrong(
                "public",
                True,
                "a public gateway needs certificate, the ARN of one in AWS Certificate Manager; "
                "set it, or set public = false",
            )
        if self.jwt and self.certificate is None:
            raise wrong(
                "jwt",
                None,
                "needs certificate: the load balancer verifies tokens behind HTTPS alone",
            )
        try:
            check_models(self.models)
        except ValueError as error:
            raise wrong("models", None, f"do not fit together: {error}") from error
        return self


class BudgetConfig(Section):
    """The monthly amount, and who is told before it is reached."""

    monthly_usd: Annotated[
        float,
        Strict(),
        Field(gt=0, allow_inf_nan=False, description="an amount in USD above 0"),
    ]
    email: fields.Email


class EnvironmentConfig(Section):
    """Everything one environment file may say."""

    region: fields.Region
    account: fields.Account = None
    tags: fields.Tags = Field(default_factory=dict)
    network: Annotated[
        NetworkConfig, Field(description="a table, written [network], with the key zones")
    ]
    storage: StorageConfig = StorageConfig()
    cluster: ClusterConfig = ClusterConfig()
    pools: Annotated[
        tuple[NodePoolConfig, ...], Field(description="tables, each written [[pools]]")
    ] = ()
    endpoints: Annotated[
        tuple[EndpointConfig, ...], Field(description="tables, each written [[endpoints]]")
    ] = ()
    gateway: GatewayConfig = GatewayConfig()
    budget: BudgetConfig | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        rules.check_network_zones(self.region, self.network.zones)
        rules.check_names("pools", [pool.name for pool in self.pools])
        rules.check_pool_names(pool.name for pool in self.pools)
        rules.check_names("endpoints", [endpoint.name for endpoint in self.endpoints])
        for pool in self.pools:
            key = f'pools["{pool.name}"]'
            rules.check_offered(key, pool.hardware, pool.zone, self.region, self.network.zones)
            rules.check_neuron_stack(key, pool.hardware, self.cluster.kubernetes_version)
        rules.check_allocator(
            self.cluster.neuron_allocator, self.cluster.kubernetes_version, self.pools
        )
        rules.check_reservations(self.pools)
        rules.check_placement_groups(self.pools)
        rules.check_addresses(self.network.cidr, self.network.addresses_per_zone, self.pools)
        if self.endpoints:
            rules.check_hosting_region(self.region)
        for endpoint in self.endpoints:
            key = f'endpoints["{endpoint.name}"]'
            rules.check_hosting_type(key, endpoint.instance_type, self.region)
        check_models_region(self.gateway.models, self.region)
        check_guardrails_region(self.gateway.guardrails, self.region)
        rules.check_public(self.gateway.public, self.network.egress)
        check_jwt(self.gateway.jwt is not None, self.network.egress)
        check_remote_images(self.gateway.remote_images, self.network.egress)
        if self.gateway.certificate:
            rules.check_certificate(self.gateway.certificate, self.region, self.account)
        return self
