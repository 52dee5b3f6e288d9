"""What is injected into a healthy account: an environment, a change of the answers, the finding.

Each change is what AWS answers of one real-life fault, and nothing else is changed.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tests.operations.preflight.healthy_ec2 import NOW


@dataclass(frozen=True)
class Fault:
    """`said` and `fix` are parts of the finding's sentence and of its command."""

    name: str
    environment: str
    change: Callable
    question: str
    severity: str
    said: str
    fix: str
    deployed: bool = False


FAULTS = []


def fault(environment, question, severity, said, fix, *, deployed=False):
    """Add a function that changes a healthy account's answers."""

    def add(change):
        name = change.__name__.replace("_", "-")
        FAULTS.append(
            Fault(name, environment, change, question, severity, said, fix, deployed=deployed)
        )
        return change

    return add


def set_quota(answers, service, code, value):
    rows = answers["service-quotas:ListServiceQuotas"].rows[service]["Quotas"]
    [row] = [row for row in rows if row["QuotaCode"] == code]
    row["Value"] = value


def reservation(answers, index=0, **changed):
    answers["ec2:DescribeCapacityReservations"]["CapacityReservations"][index].update(changed)


def stack(answers, name, state, **more):
    rows = answers["cloudformation:DescribeStacks"]["Stacks"]
    rows.append({"StackName": name, "CreationTime": NOW, "StackStatus": state, **more})
