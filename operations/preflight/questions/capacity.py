"""Whether EC2 has the instance types where the pools are, and may launch them."""

from collections import defaultdict
from collections.abc import Iterator

from operations.preflight import quotas
from operations.preflight.needs import SYSTEM_TYPES, quota_class, system_types, vcpus
from operations.preflight.nodes import RUNNING, cluster_of, running
from operations.preflight.quotas import Quota
from operations.preflight.registry import Case, Found, listed, question
from workloads.hardware import INSTANCES, QUOTAS


@question(
    "offered",
    "capacity",
    title="EC2 offers each pool's instance type in the pool's zone",
    without="The node group fails: the requested instance type is not supported in the zone.",
    asks=["ec2:DescribeInstanceTypeOfferings"],
    sources=["https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-discovery.html"],
)
def offered(case: Case) -> Iterator[Found]:
    wanted = sorted({pool.instance_type for pool in case.config.pools} | set(SYSTEM_TYPES))
    answer = case.ask(
        "ec2",
        "DescribeInstanceTypeOfferings",
        LocationType="availability-zone-id",
        Filters=[{"Name": "instance-type", "Values": wanted}],
    )
    zones: dict[str, set[str]] = defaultdict(set)
    for row in answer["InstanceTypeOfferings"]:
        zones[row["InstanceType"]].add(row["Location"])
    for pool in case.config.pools:
        here = sorted(zones[pool.instance_type])
        if pool.zone not in here:
            yield Found(
                "fails",
                f"{pool.instance_type} (pool {pool.name}) is not offered to this account in "
                f"{pool.zone}; in {case.region} it is in {listed(here) if here else 'none'}",
                f"move the pool in {case.name}.toml, or renew the table: python -m "
                f"operations.catalog --region {case.region}",
            )
    for zone in case.config.network.zones:
        if not any(zone in zones[name] for name in system_types(case.region)):
            yield Found(
                "fails",
                f"none of {listed(system_types(case.region))}, which the cluster itself runs on, "
                f"is offered in {zone}",
                f"leave {zone} out of network.zones in {case.name}.toml",
            )


@question(
    "vcpu-quotas",
    "capacity",
    title="The vCPU quotas, on-demand and spot, hold the pools at max_nodes beside what runs",
    without="No node starts: VcpuLimitExceeded (spot: MaxSpotInstanceCountExceeded). A new "
    "account has 0 of every accelerator family; an increase takes hours to days.",
    asks=[
        *quotas.ASKS,
        *RUNNING,
        "ec2:DescribeCapacityReservations",
        "ec2:DescribeInstanceTypes",
    ],
    sources=[
        "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-quotas.html",
        "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/capacity-reservation-limits.html",
    ],
)
def vcpu_quotas(case: Case) -> Iterator[Found]:
    in_use = _in_use(case)
    for (market, kind), need in vcpus(case.config).items():
        codes = QUOTAS[kind]
        code = codes.spot if market == "spot" else codes.on_demand
        if code is None:
            continue
        quota = quotas.limit(case, Quota("ec2", code, f"vCPUs of {kind} instances, {market}"))
        used = in_use.get((market, kind), 0)
        if used + need.most <= quota.value:
            continue
        none = used + need.least > quota.value
        yield Found(
            "fails" if none else "may fail",
            f"{quota.name} ({code}) is {quota.value:g} vCPUs and {used} are in use: "
            f"{listed(need.pools)} can launch {need.most}, and "
            + (f"{need.least} are needed to start at all" if none else "not all of them"),
            quotas.increase(quota, used + need.most),
            None if none else "A job that asks for all nodes waits for the last ones.",
        )


def _in_use(case: Case) -> dict[tuple[str, str], int]:
    """The vCPUs that count against quotas already, by market and class of families.

    A reservation counts whole, used or not, and the instances in it do not count again; Capacity
    Blocks do not count. Nodes of the environment's own cluster are what its pools can launch.
    """
    rows = [*_instances(case), *_reservations(case)]
    sizes = _sizes(case, {instance_type for _, instance_type, _ in rows})
    used: dict[tuple[str, str], int] = defaultdict(int)
    for market, instance_type, count in rows:
        if kind := quota_class(instance_type):
            used[market, kind] += count * sizes[instance_type]
    return used


def _instances(case: Case) -> Iterator[tuple[str, str, int]]:
    """Market, type and number of what runs outside of reservations and of the own cluster."""
    cluster = case.physical_id("cluster", "AWS::EKS::Cluster")
    for instance in running(case):
        market = instance.get("InstanceLifecycle", "on-demand")
        reserved = market == "on-demand" and instance.get("CapacityReservationId")
        if not reserved and (cluster is None or cluster_of(instance) != cluster):
            yield market, instance["InstanceType"], 1


def _reservations(case: Case) -> Iterator[tuple[str, str, int]]:
    for row in case.ask("ec2", "DescribeCapacityReservations")["CapacityReservations"]:
        mine = row.get("OwnerId") == case.account and row["State"] == "active"
        if mine and row.get("ReservationType") != "capacity-block":
            yield "on-demand", row["InstanceType"], row["TotalInstanceCount"]


def _sizes(case: Case, types: set[str]) -> dict[str, int]:
    """vCPUs by instance type; EC2 is asked for those that the table lacks."""
    sizes = {name: INSTANCES[name].vcpus for name in types if name in INSTANCES}
    if unknown := sorted(types - set(sizes)):
        answer = case.ask(
            "ec2",
            "DescribeInstanceTypes",
            Filters=[{"Name": "instance-type", "Values": unknown}],
        )
        for row in answer["InstanceTypes"]:
            sizes[row["InstanceType"]] = row["VCpuInfo"]["DefaultVCpus"]
    return defaultdict(int, sizes)
