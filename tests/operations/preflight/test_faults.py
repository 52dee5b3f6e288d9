import pytest

from tests.operations.preflight.faults import (
    capacity,
    cluster,
    deployment,
    endpoints,
    gateway,
    images,
    models,
    network,
)
from tests.operations.preflight.faults.injected import FAULTS

# Each adds its own.
_ = (deployment, network, capacity, cluster, images, endpoints, models, gateway)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_an_injected_fault_is_named_and_nothing_else_is(preflight, fault):
    result = preflight(fault.environment, fault.change, deployed=fault.deployed)

    [found] = [row for row in result.findings if row["question"] == fault.question]
    assert found["severity"] == fault.severity
    assert fault.said in found["what"]
    assert fault.fix in found["fix"]
    assert result.code == (1 if fault.severity == "fails" else 0)
    others = [row for row in result.findings if row is not found and row["severity"] != "note"]
    assert others == []


def test_there_are_at_least_thirty():
    assert len({(fault.question, fault.said) for fault in FAULTS}) >= 30
