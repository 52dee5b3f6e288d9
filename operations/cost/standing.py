"""What stands in each stack of an environment and costs by the hour or the month.

Counted from the environment file alone, by what the stacks make of it; the test of this module
synthesises environments and holds every template against it, so that a resource that is neither
counted here nor known to cost nothing is a failure there.
"""

from collections.abc import Iterator
from datetime import date

from operations.cost import buying
from operations.cost.bill import Line, hourly, service, unknown
from stacks.config import EnvironmentConfig, NodePoolConfig
from workloads.hardware import INSTANCES, Instance
from workloads.prices import PRICES, UnknownPrice
from workloads.versions import VERSIONS

# stacks/network.py: interface endpoints, without those where models answer
_ENDPOINTS = {"nat": 2, "private": 11}
# stacks/cluster/system_nodes.py: the first of these that the region has, two to three of them
_SYSTEM_TYPES = ("m7a.large", "m6a.large", "m5.large")
_SYSTEM_NODES = (2, 3)
_SYSTEM_VOLUME_GB = 50
# stacks/node_pool/stack.py: of accelerators and of types that compile, and of the others
_LARGE_VOLUME_GB, _SMALL_VOLUME_GB, _COMPILING_VCPUS = 512, 128, 32
# stacks/gateway/service.py: vCPUs and GB of a task, tasks at least and at most
_TASK_VCPUS, _TASK_GB, _TASKS = 1, 2, (2, 10)
_SCALING_POLICIES = 2
_FIREWALL_RULES = 4  # stacks/gateway/firewall.py
# stacks/observability: metrics that the alarms look at; a calculated one counts for its parts
_CLUSTER_METRICS, _ENDPOINT_METRICS, _GATEWAY_METRICS = 2, 4, 9  # one alarm each, but:
_ENDPOINT_ALARMS, _GATEWAY_ALARMS = 3, 6
_EFA_METRICS = 3  # one alarm
_SPENDING_METRICS = 1  # of the gateway, where there is a budget; one alarm


def lines(config: EnvironmentConfig, day: date) -> list[Line]:
    """Every line, stack by stack in the order they are deployed, at the prices of its region."""
    return [
        *_network(config),
        *_storage(config),
        *_cluster(config, day),
        *(line for pool in config.pools for line in _pool(pool, config.region)),
        *_endpoints(config),
        *_gateway(config),
        *_observability(config),
    ]


def _network(config: EnvironmentConfig) -> Iterator[Line]:
    if config.network.egress == "nat":
        yield _constant(config, "network", "nat_gateway_hour", "AWS::EC2::NatGateway")
        yield _constant(
            config, "network", "public_ipv4_hour", "AWS::EC2::EIP", of="of the NAT gateway"
        )
    endpoints = interface_endpoints(config)
    zones = len(config.network.zones)
    yield _constant(
        config,
        "network",
        "vpc_endpoint_hour",
        "AWS::EC2::VPCEndpoint",
        resources=endpoints,
        quantity=endpoints * zones,
        of=f"{endpoints} endpoints in {zones} zones",
    )


def _storage(config: EnvironmentConfig) -> Iterator[Line]:
    yield _key(config, "storage")
    if config.storage.lustre_gib:
        yield _constant(
            config,
            "storage",
            "lustre_gb_month",
            "AWS::FSx::FileSystem",
            quantity=config.storage.lustre_gib,
        )


def _cluster(config: EnvironmentConfig, day: date) -> Iterator[Line]:
    version = config.cluster.kubernetes_version
    extended = extended_from(version)
    row = "eks_extended_hour" if extended and day >= extended else "eks_hour"
    until = f", until {extended}" if extended and day < extended else ""
    of = f"Kubernetes {version}{until}"
    yield _constant(config, "cluster", row, "AWS::EKS::Cluster", of=of)
    yield _key(config, "cluster")
    system = next(
        name
        for name in _SYSTEM_TYPES
        if name not in INSTANCES or config.region in INSTANCES[name].zones
    )
    least, most = _SYSTEM_NODES
    try:
        rate = hourly(PRICES.find(system, config.region))
    except UnknownPrice as error:
        rate = unknown(error)
    yield Line(
        stack="cluster", what=f"system nodes, {system}", resource="AWS::EKS::Nodegroup",
        idle=least, full=most, rate=rate,
    )  # fmt: skip
    yield _volumes(config.region, "cluster", _SYSTEM_VOLUME_GB, least, most)


def _pool(pool: NodePoolConfig, region: str) -> Iterator[Line]:
    way = buying.chosen(pool, region)
    assert way.rate is not None, "a pool's type is sold the way it is configured"
    yield Line(
        stack=f"pool-{pool.name}", what=f"nodes, {pool.instance_type}, {way.kind}",
        resource="AWS::EKS::Nodegroup", idle=way.idle, full=way.full, rate=way.rate,
    )  # fmt: skip
    yield _volumes(
        region, f"pool-{pool.name}", root_volume_gb(pool.hardware), pool.min_nodes, pool.max_nodes
    )


def _endpoints(config: EnvironmentConfig) -> Iterator[Line]:
    for endpoint in config.endpoints:
        try:
            rate = hourly(PRICES.find_hosting(endpoint.instance_type, config.region))
        except UnknownPrice as error:
            rate = unknown(error)
        yield Line(
            stack=f"endpoint-{endpoint.name}", what=f"endpoint, {endpoint.instance_type}",
            resource="AWS::SageMaker::Endpoint", idle=1, full=1, rate=rate,
        )  # fmt: skip


def _gateway(config: EnvironmentConfig) -> Iterator[Line]:
    if not config.gateway.models:
        return
    balancer = "AWS::ElasticLoadBalancingV2::LoadBalancer"
    yield _key(config, "gateway")
    yield _constant(config, "gateway", "alb_hour", balancer)
    if config.gateway.public:
        yield _constant(
            config,
            "gateway",
            "public_ipv4_hour",
            balancer,
            quantity=len(config.network.zones),
            of="of the load balancer, one in each zone at least",
        )
    firewall = "AWS::WAFv2::WebACL"
    yield _constant(config, "gateway", "waf_acl_month", firewall)
    yield _constant(config, "gateway", "waf_rule_month", firewall, quantity=_FIREWALL_RULES)
    least, most = _TASKS
    for row, amount in (
        ("fargate_arm_vcpu_hour", _TASK_VCPUS),
        ("fargate_arm_gb_hour", _TASK_GB),
    ):
        rate = service(row, config.region)
        what = f"{PRICES.services[row].what}, {least} to {most} tasks of {amount}"
        yield Line(
            stack="gateway", what=what, resource="AWS::ECS::Service",
            idle=least * amount, full=most * amount, rate=rate,
        )  # fmt: skip
    yield _scaling(config)


def _scaling(config: EnvironmentConfig) -> Line:
    """A policy that tracks a target keeps two alarms, one above it and one below (Application Auto
    Scaling user guide, "Target tracking scaling policies")."""
    return _constant(
        config,
        "gateway",
        "alarm_metric_month",
        "AWS::ApplicationAutoScaling::ScalingPolicy",
        resources=_SCALING_POLICIES,
        quantity=2 * _SCALING_POLICIES,
        of="of the tasks' scaling",
    )


def _observability(config: EnvironmentConfig) -> Iterator[Line]:
    yield _key(config, "observability")
    yield _constant(config, "observability", "dashboard_month", "AWS::CloudWatch::Dashboard")
    served = len(config.endpoints)
    gateway = bool(config.gateway.models)
    spending = _SPENDING_METRICS if gateway and config.budget else 0
    efa = any(pool.efa for pool in config.pools)
    pools = _pool_alarms(config)
    metrics = (
        _CLUSTER_METRICS
        + _ENDPOINT_METRICS * served
        + (_GATEWAY_METRICS if gateway else 0)
        + spending
        + pools
        + _EFA_METRICS * efa
    )
    yield _constant(
        config,
        "observability",
        "alarm_metric_month",
        "AWS::CloudWatch::Alarm",
        resources=_CLUSTER_METRICS
        + _ENDPOINT_ALARMS * served
        + (_GATEWAY_ALARMS if gateway else 0)
        + spending
        + pools
        + efa,
        quantity=metrics,
    )


def metered(config: EnvironmentConfig) -> list[NodePoolConfig]:
    """The pools whose accelerators the agent meters: stacks/shared/metrics.py."""
    plugin = config.cluster.neuron_allocator == "device-plugin"
    return [p for p in config.pools if (p.hardware.neuron and plugin) or p.hardware.nvidia]


def watched(config: EnvironmentConfig) -> bool:
    """Whether the agent runs: stacks/cluster/charts/monitor.py."""
    return any(pool.hardware.chip or pool.efa for pool in config.pools)


def _pool_alarms(config: EnvironmentConfig) -> int:
    """Of nodes, of Neuron's memory, of idle pools and of those put to sleep; a metric each."""
    pools = metered(config)
    neuron = any(pool.hardware.neuron for pool in pools)
    asleep = sum(pool.idle_hours is not None for pool in pools)
    return watched(config) + neuron + len(pools) + asleep


def interface_endpoints(config: EnvironmentConfig) -> int:
    """How many the network has; with a way out, models are reached through it."""
    runtimes = config.gateway.runtimes if config.network.egress == "private" else ()
    return _ENDPOINTS[config.network.egress] + len(runtimes)


def extended_from(version: str) -> date | None:
    """The first day on which EKS charges more for the control plane: the calendar's answer."""
    subject = f"Kubernetes {version}"
    return next((row.extended_from for row in VERSIONS.support if row.subject == subject), None)


def root_volume_gb(hardware: Instance) -> int:
    """The disk of a pool's node."""
    large = hardware.chip or hardware.vcpus >= _COMPILING_VCPUS
    return _LARGE_VOLUME_GB if large else _SMALL_VOLUME_GB


def _key(config: EnvironmentConfig, stack: str) -> Line:
    # Each of a key's first two rotations, a year apart, adds a key's price to it.
    return _constant(config, stack, "kms_key_month", "AWS::KMS::Key", of="until its first rotation")


def _volumes(region: str, stack: str, gb: int, least: int, most: int) -> Line:
    return Line(
        stack=stack, what=f"root volumes of {gb} GB", resource="AWS::EC2::LaunchTemplate",
        idle=gb * least, full=gb * most, rate=service("gp3_gb_month", region),
    )  # fmt: skip


def _constant(
    config: EnvironmentConfig,
    stack: str,
    row: str,
    resource: str,
    *,
    resources: int = 1,
    quantity: float | None = None,
    of: str = "",
) -> Line:
    """What is there in the same number whatever happens."""
    number = resources if quantity is None else quantity
    what = PRICES.services[row].what
    return Line(
        stack=stack,
        what=f"{what}, {of}" if of else what,
        resource=resource,
        resources=resources,
        idle=number,
        full=number,
        rate=service(row, config.region),
    )
