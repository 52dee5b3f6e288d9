"""Published figures: each with its source, and only like beside like."""

import math
import re

import pytest

from workloads.benchmark.comparison import published_groups, unmeasured
from workloads.benchmark.published import PUBLISHED, read
from workloads.hardware import INSTANCES

ON_CHIPS = [*PUBLISHED.serving, *PUBLISHED.training]
GROUPS = published_groups(PUBLISHED, region="us-east-2")


@pytest.mark.parametrize(
    "row", [*ON_CHIPS, *PUBLISHED.bedrock, *PUBLISHED.computing], ids=lambda row: row.source[-40:]
)
def test_every_row_says_where_it_is_from_and_when(row):
    assert re.fullmatch(r"20\d\d(-\d\d){0,2}", row.date)
    assert re.fullmatch(r"https://github\.com/[^/]+/[^/]+/blob/[0-9a-f]{40}/\S+", row.source)


@pytest.mark.parametrize("row", ON_CHIPS, ids=lambda row: f"{row.instance_type} {row.model}")
def test_every_row_about_chips_says_which_and_with_what(row):
    instance = INSTANCES[row.instance_type]
    assert row.chips > 0
    assert row.chips % instance.chips == 0 or instance.chips % row.chips == 0
    assert row.software
    assert row.precision
    assert row.configuration


@pytest.mark.parametrize("row", PUBLISHED.training, ids=lambda row: row.model)
def test_what_is_derived_follows_from_what_was_published(row):
    factors = [float(number.replace(",", "")) for number in re.findall(r"[\d.,]+", row.derived)]

    assert math.prod(factors) == pytest.approx(row.tokens_per_second, abs=0.5)


def test_a_table_holds_one_shape_of_work_only():
    for row in PUBLISHED.serving:
        title = (
            f"Serving {row.architecture}: {row.input_tokens} tokens in,"
            f" {row.output_tokens} out, {row.load}"
        )
        [group] = [group for group in GROUPS if group.title == title]
        assert sum(entry.source == row.source for entry in group.rows) >= 1
    assert len({group.title for group in GROUPS}) == len(GROUPS)
    measured = [row for group in GROUPS for row in group.rows if row.per_second is not None]
    assert len(measured) == len(ON_CHIPS) + len(PUBLISHED.computing)


def test_the_table_has_neuron_nvidia_bedrock_and_the_processors():
    hardware = " ".join(row.hardware for group in GROUPS for row in group.rows)

    for name in ("Inferentia2", "Trainium", "Trainium2", "H100", "B200", "Amazon Bedrock",
                 "AMD EPYC", "Intel Xeon", "Graviton"):  # fmt: skip
        assert name in hardware


def test_processors_do_one_benchmark_at_one_number_of_vcpus_and_cost_by_hand():
    [group] = [group for group in GROUPS if group.counts == "iterations"]

    cost = {row.hardware: row.costs[0].usd for row in group.rows}
    # 0.23184 USD an hour and 131,219 iterations a second
    assert cost["AMD EPYC 9R14 (m7a.xlarge)"] == pytest.approx(0.23184 / (131219 * 3600) * 1e12)
    assert cost["AMD EPYC 9R45 (m8a.xlarge)"] is None  # no price of us-east-2 is known
    assert {row.instance_type.partition(".")[2] for row in PUBLISHED.computing} == {"xlarge"}


def test_hardware_without_figures_is_named_with_the_reason_and_its_price():
    said = {line.partition(":")[0]: line for line in unmeasured(PUBLISHED, region="us-east-1")}

    assert "AWS rents none" in said["AMD Instinct"]
    assert "13.10904 USD per hour for dl1.24xlarge in us-east-1" in said["Intel Gaudi"]
    assert "is unknown" in unmeasured(PUBLISHED, region="us-east-2")[2]
    assert all("(https://" in line for line in said.values())


def test_every_published_cost_says_how_it_is_derived():
    for group in GROUPS:
        for row in group.rows:
            assert not row.measured
            assert row.costs
            assert all(cost.how for cost in row.costs)


def test_bedrock_s_tokens_are_compared_with_their_prompts():
    [offer] = PUBLISHED.bedrock

    # a million tokens of answers of 250 come with six million of prompts of 1500
    assert offer.usd_per_million_answered(1500, 250) == pytest.approx(0.22 + 6 * 0.22)


def test_a_row_without_a_source_is_refused():
    with pytest.raises(TypeError, match="source"):
        read(
            """
            serving = []
            training = []
            [[bedrock]]
            architecture = "a"
            model = "m"
            date = "2026"
            usd_per_million_input_tokens = 1
            usd_per_million_output_tokens = 1
            """
        )
