"""Whether capacity that was bought beforehand is what the pools say, and where they say."""

from collections.abc import Iterator
from datetime import timedelta

from operations.preflight.aws import Answer
from operations.preflight.registry import Case, Found, question
from stacks.config import EnvironmentConfig, NodePoolConfig

_OVER = ("expired", "cancelled", "cancelling", "failed", "payment-failed", "unsupported")
_AHEAD = ("pending", "scheduled", "payment-pending", "assessing", "delayed")
_SOON = timedelta(hours=24)
_PLATFORMS = ("Linux/UNIX",)  # what EKS's images of Amazon Linux run as


def _reserved(config: EnvironmentConfig) -> bool:
    return any(pool.capacity.reservation for pool in config.pools)


def _places(config: EnvironmentConfig) -> bool:
    return any(pool.capacity.placement_group for pool in config.pools)


@question(
    "reservations",
    "capacity",
    title="Each reservation and Capacity Block is alive, of the pool's kind, type, zone and "
    "placement group, and has instances left",
    without="No node starts although the capacity is paid for: InsufficientInstanceCapacity, "
    "ReservationCapacityExceeded, or an on-demand instance beside the reservation.",
    asks=["ec2:DescribeCapacityReservations", "cloudformation:DescribeStacks"],
    sources=[
        "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/capacity-reservations-using.html",
        "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-capacity-blocks.html",
        "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/cr-cpg.html",
    ],
    when=_reserved,
)
def reservations(case: Case) -> Iterator[Found]:
    answer = case.ask("ec2", "DescribeCapacityReservations")
    known = {row["CapacityReservationId"]: row for row in answer["CapacityReservations"]}
    for pool in case.config.pools:
        if (id := pool.capacity.reservation) is None:
            continue
        if id not in known:
            yield Found(
                "fails",
                f"the account has no reservation {id} in {case.region} (pool {pool.name})",
                case.command("ec2 describe-capacity-reservations"),
            )
            continue
        yield from _state(case, pool, known[id])
        yield from _form(case, pool, known[id])
        yield from _count(case, pool, known[id])


def _state(case: Case, pool: NodePoolConfig, row: Answer) -> Iterator[Found]:
    id, state = row["CapacityReservationId"], row["State"]
    end, block = row.get("EndDate"), pool.capacity.kind == "capacity-block"
    if state in _OVER or state == "unavailable":
        yield Found("fails", f"{id} (pool {pool.name}) is {state}", _buy(case, pool))
    elif state in _AHEAD:
        start = row.get("StartDate")
        yield Found(
            "note" if block else "may fail",
            f"{id} (pool {pool.name}) is {state}"
            + (f" and starts at {start:%Y-%m-%d %H:%M} UTC" if start else ""),
            "deploy now if you like; scale the node group up once it is active",
            "Until then the pool gets no node.",
        )
    if state not in _OVER and end and end < case.now + _SOON:
        yield Found(
            "may fail",
            f"{id} (pool {pool.name}) ends at {end:%Y-%m-%d %H:%M} UTC, in less than a day",
            _buy(case, pool),
            "A block's instances are ended half an hour before it ends.",
        )


def _form(case: Case, pool: NodePoolConfig, row: Answer) -> Iterator[Found]:
    kind = "capacity-block" if row.get("ReservationType") == "capacity-block" else "reservation"
    group = row.get("PlacementGroupArn", "").rpartition("/")[2] or None
    compared = (
        ("capacity.kind", pool.capacity.kind, kind),
        ("instance_type", pool.instance_type, row["InstanceType"]),
        ("zone", pool.zone, row.get("AvailabilityZoneId")),
        ("capacity.placement_group", pool.capacity.placement_group, group),
    )
    for key, mine, its in compared:
        if its != mine:
            yield Found(
                "fails",
                f"{row['CapacityReservationId']}: {key} of pool {pool.name} is {mine}, and the "
                f"reservation's is {its}",
                f"correct {key} in {case.name}.toml"
                if its
                else f"leave {key} out of {case.name}.toml",
            )
    for key, right, its in (
        ("tenancy", ("default",), row.get("Tenancy")),
        ("platform", _PLATFORMS, row.get("InstancePlatform")),
    ):
        if its not in right:
            yield Found(
                "fails",
                f"{row['CapacityReservationId']} (pool {pool.name}) has {key} {its}, and nodes "
                f"have {right[0]}",
                _buy(case, pool),
            )


def _count(case: Case, pool: NodePoolConfig, row: Answer) -> Iterator[Found]:
    if row["State"] != "active":
        return
    id, total, free = (
        row["CapacityReservationId"],
        row["TotalInstanceCount"],
        row["AvailableInstanceCount"],
    )
    users = [p for p in case.config.pools if p.capacity.reservation == id]
    wanted = sum(user.max_nodes for user in users)
    deployed = f"pool-{pool.name}" in case.stacks
    if not free and not deployed:
        yield Found(
            "fails",
            f"{id} (pool {pool.name}) has none of its {total} instances free",
            case.command(
                "ec2 describe-instances --filters Name=capacity-reservation-id,Values=" + id
            ),
        )
    elif wanted > total or (wanted > free and not deployed):
        yield Found(
            "may fail",
            f"{id}: pool {pool.name} can grow to {wanted} nodes, and {free} of {total} are free",
            f"set max_nodes = {min(total, free)} in {case.name}.toml, or "
            + case.command(
                f"ec2 modify-capacity-reservation --capacity-reservation-id {id} "
                f"--instance-count {wanted}"
            ),
            "A job that asks for all nodes waits for the last ones.",
        )


def _buy(case: Case, pool: NodePoolConfig) -> str:
    if pool.capacity.kind == "capacity-block":
        return case.command(
            f"ec2 describe-capacity-block-offerings --instance-type {pool.instance_type} "
            f"--instance-count {pool.max_nodes} --capacity-duration-hours 24"
        )
    return case.command(
        f"ec2 create-capacity-reservation --instance-type {pool.instance_type} "
        f"--availability-zone-id {pool.zone} --instance-platform Linux/UNIX "
        f"--instance-count {pool.max_nodes}"
    )


@question(
    "placement-groups",
    "capacity",
    title="The placement group of a reservation exists, and is a cluster group",
    without="The node group's launch template is refused: the placement group is unknown.",
    asks=["ec2:DescribePlacementGroups"],
    sources=["https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/cr-cpg.html"],
    when=_places,
)
def placement_groups(case: Case) -> Iterator[Found]:
    names = dict.fromkeys(
        pool.capacity.placement_group for pool in case.config.pools if pool.capacity.placement_group
    )
    answer = case.ask("ec2", "DescribePlacementGroups")
    groups = {row["GroupName"]: row for row in answer["PlacementGroups"]}
    for name in names:
        row = groups.get(name)
        create = case.command(f"ec2 create-placement-group --group-name {name} --strategy cluster")
        if row is None:
            yield Found("fails", f"there is no placement group {name}", create)
        elif (row["State"], row["Strategy"]) != ("available", "cluster"):
            yield Found(
                "fails",
                f"placement group {name} is {row['State']} and of strategy {row['Strategy']}, not "
                "an available one of strategy cluster",
                create,
            )
