"""The instances that run in the account, and which of them are the environment's nodes."""

from operations.preflight.aws import Answer
from operations.preflight.registry import Case

RUNNING = (
    "ec2:DescribeInstances",
    "cloudformation:DescribeStacks",
    "cloudformation:DescribeStackResources",
)


def running(case: Case) -> list[Answer]:
    """Every instance that is starting or runs."""
    answer = case.ask(
        "ec2",
        "DescribeInstances",
        Filters=[{"Name": "instance-state-name", "Values": ["pending", "running"]}],
    )
    return [instance for row in answer["Reservations"] for instance in row["Instances"]]


def cluster_of(instance: Answer) -> str | None:
    """The cluster that a node is of, by the tag that EKS gives the nodes of its groups."""
    tags = {tag["Key"]: tag["Value"] for tag in instance.get("Tags", ())}
    return tags.get("eks:cluster-name")
