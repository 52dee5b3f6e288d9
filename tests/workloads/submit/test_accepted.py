from datetime import UTC, datetime, timedelta

import pytest

from workloads.command import InputError
from workloads.jobs.job import Job
from workloads.jobs.pool import Pool
from workloads.jobs.render import render
from workloads.submit.accepted import RECENT, require_acceptance

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
POOL = Pool(name="trn1", instance_type="trn1.32xlarge", efa=True)


def gang(pods, name="train"):
    return Job(name=name, image="i", command=("c",), gang=True, pods=pods)


def passed(pods, ago, kind="Completed"):
    """A test of so many nodes, as the cluster has it."""
    at = (NOW - ago).isoformat().replace("+00:00", "Z")
    condition = {"type": kind, "status": "True", "lastTransitionTime": at}
    return render(gang(pods, "acceptance"), POOL) | {"status": {"conditions": [condition]}}


def nodes(count, joined=timedelta(days=1)):
    return {f"node-{index}": NOW - joined for index in range(count)}


HOUR = timedelta(hours=1)


def test_a_recent_test_of_all_nodes_is_enough():
    require_acceptance(gang(2), POOL, [passed(2, HOUR)], nodes(2), NOW)
    require_acceptance(gang(2), POOL, [passed(1, 2 * HOUR), passed(3, HOUR)], nodes(3), NOW)


@pytest.mark.parametrize(
    ("tests", "there", "sentence"),
    [
        ([], nodes(2), "has passed no acceptance test in the last 7 days"),
        ([passed(2, HOUR, "Failed")], nodes(2), "has passed no"),
        ([passed(2, RECENT + HOUR)], nodes(2), "has passed no"),
        ([passed(1, HOUR)], nodes(2), "had 1 nodes; the pool has 2 and train takes 2"),
        ([passed(2, HOUR)], nodes(4), "had 2 nodes; the pool has 4"),
        ([passed(2, HOUR)], nodes(2, HOUR / 2), "node-0 has joined pool trn1 since"),
        ([passed(2, HOUR)], nodes(1), "has 1 nodes now and train takes 2"),
    ],
)
def test_nodes_that_were_not_tested_are_refused_with_the_command_that_tests_them(
    tests, there, sentence
):
    with pytest.raises(InputError, match=sentence) as refusal:
        require_acceptance(gang(2), POOL, tests, there, NOW)

    repair = f"submit acceptance --pool trn1 --nodes {max(2, len(there))} --wait"
    assert repair in str(refusal.value)
