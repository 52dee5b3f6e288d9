"""What EC2 can lack: types, quotas, reservations."""

from datetime import timedelta

from tests.operations.preflight.faults.injected import fault, reservation, set_quota
from tests.operations.preflight.healthy_ec2 import ACCOUNT, NOW, instance


@fault("prod", "offered", "fails", "trn1.32xlarge (pool trn1)", "operations.catalog")
def type_is_not_offered_to_the_account(answers):
    rows = answers["ec2:DescribeInstanceTypeOfferings"].rows
    rows[:] = [row for row in rows if row["InstanceType"] != "trn1.32xlarge"]


@fault("dev", "offered", "fails", "which the cluster itself runs on", "leave use2-az2 out")
def zone_without_a_type_for_the_cluster(answers):
    rows = answers["ec2:DescribeInstanceTypeOfferings"].rows
    rows[:] = [row for row in rows if row["Location"] != "use2-az2"]


@fault(
    "prod",
    "vcpu-quotas",
    "fails",
    "(L-2C3B7624) is 0 vCPUs",
    "--quota-code L-2C3B7624 --desired-value 512",
)
def no_trainium_quota(answers):
    set_quota(answers, "ec2", "L-2C3B7624", 0.0)


@fault("prod", "vcpu-quotas", "may fail", "trn1 can launch 512", "--desired-value 512")
def trainium_quota_for_some_nodes(answers):
    set_quota(answers, "ec2", "L-2C3B7624", 256.0)


@fault("prod", "vcpu-quotas", "fails", "(L-1945791B) is 191 vCPUs", "L-1945791B")
def inferentia_quota_below_one_node(answers):
    set_quota(answers, "ec2", "L-1945791B", 191.0)


@fault(
    "dev",
    "vcpu-quotas",
    "fails",
    "(L-34B43A08) is 0 vCPUs",
    "--quota-code L-34B43A08 --desired-value 32",
)
def no_spot_quota(answers):
    set_quota(answers, "ec2", "L-34B43A08", 0.0)


@fault("dev", "vcpu-quotas", "may fail", "(L-1216C47A) is 5 vCPUs", "--desired-value 6")
def standard_quota_of_a_new_account(answers):
    set_quota(answers, "ec2", "L-1216C47A", 5.0)
    answers["ec2:DescribeInstances"]["Reservations"] = []


@fault("open", "vcpu-quotas", "fails", "(L-417A185B) is 0 vCPUs", "L-417A185B")
def no_p_quota(answers):
    set_quota(answers, "ec2", "L-417A185B", 0.0)


@fault("prod", "vcpu-quotas", "may fail", "3712 are in use", "--desired-value 4224")
def others_use_the_quota(answers):
    runs = [instance("trn1.32xlarge")] * 29
    answers["ec2:DescribeInstances"]["Reservations"] = [{"Instances": runs}]


@fault("prod", "vcpu-quotas", "fails", "4000 are in use", "L-2C3B7624")
def an_idle_reservation_uses_the_quota(answers):
    row = {
        "CapacityReservationId": "cr-1",
        "OwnerId": ACCOUNT,
        "State": "active",
        "InstanceType": "trn1.2xlarge",
        "TotalInstanceCount": 500,
    }
    answers["ec2:DescribeCapacityReservations"]["CapacityReservations"].append(row)


@fault(
    "closed",
    "reservations",
    "fails",
    "no reservation cr-0123456789abcdef0",
    "describe-capacity-reservations",
)
def reservation_is_not_there(answers):
    del answers["ec2:DescribeCapacityReservations"]["CapacityReservations"][0]


@fault(
    "closed",
    "reservations",
    "fails",
    "cr-0123456789abcdef0 (pool block) is expired",
    "capacity-block-offerings",
)
def block_is_over(answers):
    reservation(answers, State="expired")


@fault("closed", "reservations", "may fail", "in less than a day", "capacity-block-offerings")
def block_ends_today(answers):
    reservation(answers, EndDate=NOW + timedelta(hours=5))


@fault("closed", "reservations", "note", "is scheduled and starts at", "scale the node group up")
def block_begins_later(answers):
    reservation(answers, State="scheduled", StartDate=NOW + timedelta(days=2))


@fault(
    "closed", "reservations", "fails", "(pool block) is payment-failed", "capacity-block-offerings"
)
def block_is_not_paid(answers):
    reservation(answers, State="payment-failed")


@fault(
    "closed",
    "reservations",
    "fails",
    "instance_type of pool reserved is trn1.32xlarge",
    "correct instance_type",
)
def reservation_of_another_type(answers):
    reservation(answers, 1, InstanceType="trn1n.32xlarge")


@fault("closed", "reservations", "fails", "zone of pool reserved is usw2-az1", "correct zone")
def reservation_in_another_zone(answers):
    reservation(answers, 1, AvailabilityZoneId="usw2-az4")


@fault(
    "closed",
    "reservations",
    "fails",
    "capacity.kind of pool unplaced is reservation",
    "correct capacity.kind",
)
def reservation_is_a_block(answers):
    reservation(answers, 2, ReservationType="capacity-block")


@fault(
    "closed",
    "reservations",
    "fails",
    "capacity.placement_group of pool reserved is training",
    "leave",
)
def reservation_outside_of_its_group(answers):
    answers["ec2:DescribeCapacityReservations"]["CapacityReservations"][1].pop("PlacementGroupArn")


@fault("closed", "reservations", "fails", "has tenancy dedicated", "create-capacity-reservation")
def reservation_for_dedicated_hardware(answers):
    reservation(answers, 1, Tenancy="dedicated")


@fault("closed", "reservations", "fails", "has platform Windows", "create-capacity-reservation")
def reservation_for_windows(answers):
    reservation(answers, 1, InstancePlatform="Windows")


@fault("closed", "reservations", "fails", "none of its 2 instances free", "describe-instances")
def reservation_is_used_up(answers):
    reservation(answers, 1, AvailableInstanceCount=0)


@fault(
    "closed",
    "reservations",
    "may fail",
    "can grow to 4 nodes, and 3 of 3 are free",
    "max_nodes = 3",
)
def block_is_smaller_than_the_pool(answers):
    reservation(answers, TotalInstanceCount=3, AvailableInstanceCount=3)


@fault(
    "closed", "placement-groups", "fails", "no placement group training", "create-placement-group"
)
def placement_group_is_not_there(answers):
    answers["ec2:DescribePlacementGroups"]["PlacementGroups"] = []


@fault("closed", "placement-groups", "fails", "of strategy spread", "create-placement-group")
def placement_group_spreads(answers):
    answers["ec2:DescribePlacementGroups"]["PlacementGroups"][0]["Strategy"] = "spread"
