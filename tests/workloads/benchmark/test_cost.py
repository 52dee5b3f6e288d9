"""What tokens cost, by hand."""

import argparse

import pytest

from workloads.benchmark import cost
from workloads.benchmark.comparison import chip_costs
from workloads.benchmark.cost import Rent
from workloads.command import InputError, Parser, count


def options(*arguments: str) -> argparse.Namespace:
    parser = Parser(prog="test", description=None)
    cost.add_options(parser, count(1))
    return parser.parse_args(arguments)


def test_tokens_cost_what_the_hour_costs_shared_among_those_of_the_hour():
    rent = Rent(usd_per_hour=7.2, basis="")

    assert rent.usd_per_tokens(1_000_000, 1000) == pytest.approx(2.0)  # 3.6 million in an hour
    assert rent.usd_per_tokens(1_000_000_000, 1000) == pytest.approx(2000.0)
    assert rent.usd_per_tokens(1_000_000, 0) is None


def test_instances_are_paid_for_each():
    rent = cost.rent(
        options("--instance-type", "trn1.32xlarge", "--region", "us-west-2", "--instances", "32")
    )

    assert rent.usd_per_hour == 688  # 32 x 21.50
    assert "32 x 21.5 USD per hour for trn1.32xlarge in us-west-2, on demand, as of" in rent.basis
    assert rent.to_json()["of"]["source"]["date"] == "2025-08"


def test_a_block_costs_what_blocks_cost():
    arguments = ("--instance-type", "trn2.48xlarge", "--region", "us-east-2")

    assert cost.rent(options(*arguments, "--capacity-block")).usd_per_hour == 35.7608
    with pytest.raises(InputError, match=r"EC2 does not sell it on demand.*--usd-per-hour"):
        cost.rent(options(*arguments))


def test_what_the_user_says_is_taken_and_marked_so():
    rent = cost.rent(options("--usd-per-hour", "4.5"))

    assert (rent.usd_per_hour, rent.basis) == (4.5, "as given with --usd-per-hour")
    assert cost.rent(options()) is None


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--instance-type", "inf2.xlarge"), "belong together"),
        (("--region", "us-east-2"), "belong together"),
        (("--usd-per-hour", "0"), "is not above 0"),
        (("--usd-per-hour", "nan"), "is not above 0"),
        (("--instance-type", "inf9.xlarge", "--region", "us-east-2"), "is not an instance type"),
    ],
)
def test_a_cost_that_cannot_be_known_is_refused_in_a_sentence(arguments, sentence):
    with pytest.raises(InputError, match=sentence):
        cost.rent(options(*arguments))


def test_chips_cost_their_share_of_the_instance():
    [demand, block] = chip_costs(
        "trn1.32xlarge", 512, "us-west-2", tokens_per_second=392_806, tokens=1_000_000_000
    )

    # 32 x 21.50 USD per hour; 392,806 x 3600 tokens per hour
    assert (demand.bought, round(demand.usd, 2)) == ("on demand", 486.53)
    assert (block.bought, round(block.usd, 2)) == ("capacity block", 215.70)
    [one] = chip_costs("trn2.48xlarge", 1, "us-east-2", tokens_per_second=578.8, tokens=1_000_000)
    assert round(one.usd, 4) == round(35.7608 / 16 / (578.8 * 3600) * 1e6, 4)


def test_chips_without_a_price_say_so():
    [unknown] = chip_costs("trn1.32xlarge", 16, "eu-north-1", tokens_per_second=1, tokens=1_000_000)

    assert unknown.usd is None
    assert "is unknown" in unknown.how
