"""Which account is asked, and whether the region and its zones are open to it.

These come first: in another account, or a region that is off, no other answer means anything.
"""

from collections.abc import Iterator

from operations.preflight.registry import Case, Found, listed, question


@question(
    "account",
    "account",
    title="The caller's account is the environment's",
    without="The stacks would be created in another account, or `cdk deploy` refuses to.",
    asks=["sts:GetCallerIdentity"],
    sources=["https://docs.aws.amazon.com/cdk/v2/guide/environments.html"],
    when=lambda config: config.account is not None,
)
def account(case: Case) -> Iterator[Found]:
    if case.account != case.config.account:
        yield Found(
            "fails",
            f"the credentials are of account {case.account}, and {case.name}.toml says account = "
            f'"{case.config.account}"',
            "export AWS_PROFILE=…  # one of that account; `aws sts get-caller-identity` tells",
        )


@question(
    "region-enabled",
    "account",
    title="The account may use the region",
    without="Every call in a region that is not enabled is refused: AuthFailure, or "
    "UnrecognizedClientException.",
    asks=["ec2:DescribeRegions"],
    sources=["https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-regions.html"],
)
def region_enabled(case: Case) -> Iterator[Found]:
    # Asked in a region that is always on.
    answer = case.ask("ec2", "DescribeRegions", region="us-east-1", AllRegions=True)
    states = {row["RegionName"]: row.get("OptInStatus", "") for row in answer["Regions"]}
    if states.get(case.region, "not-opted-in") == "not-opted-in":
        yield Found(
            "fails",
            f"the account has not enabled {case.region}",
            f"aws account enable-region --region-name {case.region}",
        )


@question(
    "zones",
    "account",
    title="Every zone of the network is in the region, open to the account and working",
    without="The network stack fails: the value for AvailabilityZoneId is invalid.",
    asks=["ec2:DescribeAvailabilityZones"],
    sources=["https://docs.aws.amazon.com/ram/latest/userguide/working-with-az-ids.html"],
)
def zones(case: Case) -> Iterator[Found]:
    answer = case.ask("ec2", "DescribeAvailabilityZones")
    states = {row["ZoneId"]: row["State"] for row in answer["AvailabilityZones"]}
    for zone in case.config.network.zones:
        state = states.get(zone)
        if state is None:
            yield Found(
                "fails",
                f"the account has no zone {zone} in {case.region}; it has {listed(states)}",
                f"choose others in network.zones of {case.name}.toml",
            )
        elif state != "available":
            yield Found(
                "may fail",
                f"zone {zone} is {state}",
                "look at https://health.aws.amazon.com, and deploy when it is available",
            )
