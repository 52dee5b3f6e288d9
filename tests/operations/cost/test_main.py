"""The command: its sentences, its tables, its picture."""

import json
from xml.etree import ElementTree

import pytest

from operations.cost.__main__ import main
from operations.cost.bill import Rate, total
from stacks.config import ENVIRONMENTS
from workloads.prices import FILE

JOB = ("prod", "job", "--pool", "trn1")
STEPS = ("--steps", "10", "--seconds-per-step", "1")
HOSTING = json.loads(FILE.read_text("utf-8"))["hosting"]
TOKENS = ("prod", "tokens", "--tokens-per-second", "100")


@pytest.fixture
def unpriced(tmp_path):
    """A folder whose prod has an endpoint of a type that SageMaker has no price for there."""
    text = (ENVIRONMENTS / "prod.toml").read_text("utf-8")
    (tmp_path / "prod.toml").write_text(text.replace("ml.inf2.xlarge", "ml.trn1.2xlarge"), "utf-8")
    return str(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("staging",), "staging is no environment of"),
        (("dev", "--environments", "/nowhere"), "/nowhere is not a folder"),
        (("dev", "--today", "tomorrow"), "not a day, such as"),
        (("dev", "--picture", "dev.pdf"), "must end in .png or .svg"),
        (("dev", "--picture", "/nowhere/dev.png"), "No such file or directory"),
        (("dev", "--requests", "-1"), "-1 is below 0"),
        (("dev", "--gb-out", "much"), "'much' is not a number"),
        ((*JOB, *STEPS, "--nodes", "5"), "its max_nodes is 4"),
        ((*JOB, "--steps", "10"), "say how long the job runs"),
        ((*JOB, "--steps", "1" + "0" * 400, "--seconds-per-step", "1"), "more than 10 years"),
        ((*JOB, "--tokens", "1e18", "--tokens-per-second", "1"), "more than 10 years"),
        ((*JOB, "--tokens", "1e308", "--tokens-per-second", "1"), "1e308 is not from 1e-09 to"),
        (("dev", "--requests", "nan"), "nan is not from"),
        ((*JOB, *STEPS, "--tokens", "9", "--tokens-per-second", "1"), "say how long the job runs"),
        (("prod", "job", "--pool", "gpu", *STEPS), "its pools: trn1, inf2, epyc"),
        ((*TOKENS, "--model", "gpt"), "it has: nova, own, endpoint"),
        ((*TOKENS, "--model", "nova"), "is Bedrock's and paid by the token"),
        ((*TOKENS, "--model", "own"), "--pool is missing"),
        ((*TOKENS, "--model", "own", "--pool", "inf2", "--utilization", "2"), "2 is above 1"),
        ((*TOKENS, "--model", "own", "--pool", "nil"), "--pool nil is no pool"),
        ((*TOKENS, "--model", "own", "--pool", "inf2", "--nodes", "9"), "its max_nodes is 4"),
        ((*TOKENS, "--model", "endpoint", "--nodes", "2"), "the endpoint tiny-llama has one"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_2(capsys, arguments, sentence):
    assert main(list(arguments)) == 2

    captured = capsys.readouterr()
    assert captured.out == ""
    assert sentence in captured.err
    assert captured.err.count("\n") == 1


def test_a_region_without_prices_is_one_sentence_and_exit_2(capsys, tmp_path):
    (tmp_path / "far.toml").write_text(
        'region = "me-central-1"\n[network]\nzones = ["mec1-az1", "mec1-az3"]\n'
    )

    assert main(["far", "--environments", str(tmp_path)]) == 2

    assert "no instance's price in me-central-1" in capsys.readouterr().err


def test_a_table_shows_every_stack_and_what_is_not_known(capsys, unpriced):
    assert main(["prod", "--today", "2026-11-22", "--environments", unpriced]) == 0

    shown = capsys.readouterr().out
    for words in ("pool-trn1", "NAT gateway", "capacity-block", "not sold", "at least"):
        assert words in shown
    assert "the price of ml.trn1.2xlarge in us-east-2, real-time endpoint, is unknown" in shown
    assert "0.000 to 86.224 an hour" in shown  # four trn1.32xlarge and their disks


@pytest.mark.parametrize(
    ("usd", "words"),
    [
        (100, "100.00 a month: less than idle costs, so it warns every month"),
        (1e6, "enough for full scale"),
        (25_000, "of what full scale adds"),
    ],
)
def test_the_budget_is_held_against_the_bill(capsys, tmp_path, usd, words):
    text = (ENVIRONMENTS / "prod.toml").read_text("utf-8")
    (tmp_path / "prod.toml").write_text(
        text.replace("monthly_usd = 25000", f"monthly_usd = {usd:.0f}"), "utf-8"
    )

    assert main(["prod", "--environments", str(tmp_path)]) == 0

    assert words in capsys.readouterr().out


@pytest.mark.parametrize("name", ["dev", "prod"])
def test_the_budget_that_is_shipped_does_not_warn_of_an_idle_month(capsys, name):
    assert main([name, "--json", "--today", "2026-11-22"]) == 0

    answer = json.loads(capsys.readouterr().out)

    # the first mail goes out at 80 % of it
    assert answer["totals"]["idle"]["usd_per_month"] < 0.8 * answer["budget_usd"]


def test_an_unknown_price_makes_the_sum_at_least_and_never_nothing(capsys, unpriced):
    assert main(["prod", "--json", "--environments", unpriced]) == 0

    answer = json.loads(capsys.readouterr().out)

    [hosted] = [line for line in answer["lines"] if line["stack"] == "endpoint-tiny-llama"]
    assert (hosted["rate"]["usd"], hosted["idle_usd_per_month"]) == (None, None)
    assert not answer["totals"]["idle"]["complete"]
    assert hosted["rate"]["basis"] in answer["unknown"]


def test_what_is_unknown_is_bounded_by_what_other_regions_ask(capsys, unpriced):
    assert main(["prod", "--json", "--environments", unpriced]) == 0

    answer = json.loads(capsys.readouterr().out)

    dearest = max(usd for usd, _ in HOSTING["ml.trn1.2xlarge"].values())
    known, bounded = answer["totals"]["idle"], answer["totals_at_other_regions_prices"]["idle"]
    assert bounded["complete"]
    assert bounded["usd_per_month"] >= known["usd_per_month"] + 730 * dearest


def test_a_rate_of_elsewhere_counts_only_where_none_is_known_and_when_asked():
    unknown = Rate(usd=None, per="hour", basis="", elsewhere=0.01)
    known = Rate(usd=2, per="month", basis="", elsewhere=3)

    assert (unknown.monthly(2), unknown.monthly(2, elsewhere=True)) == (None, 14.6)
    assert known.monthly(2, elsewhere=True) == 4


def test_a_table_in_a_file_has_no_blanks_behind_its_lines(capsys):
    assert main(["prod"]) == 0

    shown = capsys.readouterr().out.splitlines()
    assert shown == [line.rstrip() for line in shown]


def test_a_control_plane_says_until_when_its_price_holds(capsys):
    said = []
    for day in ("2027-03-26", "2027-03-27"):
        assert main(["prod", "--json", "--today", day]) == 0
        [line] = [
            line
            for line in json.loads(capsys.readouterr().out)["lines"]
            if line["resource"] == "AWS::EKS::Cluster"
        ]
        said.append(line["what"])

    assert said[0].endswith("Kubernetes 1.35, until 2027-03-27")
    assert said[1].endswith("Kubernetes 1.35")


def test_a_job_costs_at_least_what_is_known(capsys, tmp_path):
    """us-west-2: its nodes have a price, its disks or Spot may have none."""
    (tmp_path / "west.toml").write_text(
        'region = "us-west-2"\n[network]\nzones = ["usw2-az1", "usw2-az2"]\n[[pools]]\n'
        'name = "epyc"\ninstance_type = "m7a.metal-48xl"\nzone = "usw2-az1"\nmax_nodes = 1\n'
        "efa = false\n"
    )
    job = ("west", "--environments", str(tmp_path), "job", "--pool", "epyc")

    assert main([*job, "--steps", "3600", "--seconds-per-step", "1", "--json"]) == 0

    ways = {way["kind"]: way for way in json.loads(capsys.readouterr().out)["ways"]}
    assert (ways["spot"]["usd"], ways["spot"]["complete"]) == (None, False)
    assert ways["on-demand"]["usd"] == pytest.approx(11.12832, abs=0.1)


def test_a_job_that_costs_next_to_nothing_is_not_shown_as_free(capsys):
    job = ("dev", "job", "--pool", "epyc", "--nodes", "1")
    assert main([*job, "--steps", "1", "--seconds-per-step", "1"]) == 0

    shown = capsys.readouterr().out
    assert shown.startswith("1 step of 1 s: 0.000278 hours on 1 x m7a.4xlarge of the pool epyc\n")
    assert shown.count("under 0.01") == 3
    assert "on-demand, reservation: 0.92736 USD per hour for m7a.4xlarge" in shown
    assert shown.count("disks of 128 GB") == 1


def test_sums_leave_out_what_is_unknown_and_say_so():
    known, unknown = Rate(usd=2, per="hour", basis=""), Rate(usd=None, per="hour", basis="")

    both = total([known.monthly(1), unknown.monthly(1)])
    none_of_it = total([known.monthly(1), unknown.monthly(0)])

    assert (both.usd, both.complete) == (1460, False)
    assert (none_of_it.usd, none_of_it.complete) == (1460, True)  # nothing of it costs nothing


def test_every_price_in_a_bill_says_where_it_is_from(capsys):
    assert main(["dev", "--json"]) == 0

    answer = json.loads(capsys.readouterr().out)

    for line in (*answer["lines"], *answer["usage"]):
        rate = line["rate"]
        expected = "as of 20" if rate["usd"] is not None else "is unknown"
        assert expected in rate["basis"] or "environment file" in rate["basis"], line


def test_a_picture_is_drawn_in_both_formats(tmp_path, capsys):
    svg, png = tmp_path / "bill.svg", tmp_path / "bill.png"

    assert main(["dev", "--picture", str(svg)]) == 0  # with prices that are unknown
    assert main(["demo", "--picture", str(png)]) == 0

    assert ElementTree.parse(svg).getroot().tag == "{http://www.w3.org/2000/svg}svg"
    assert png.read_bytes().startswith(b"\x89PNG")
    assert "USD" in capsys.readouterr().out


@pytest.mark.parametrize("command", [(), ("job",), ("tokens",)])
def test_help_explains_itself(capsys, command):
    with pytest.raises(SystemExit) as done:
        main(["dev", *command, "--help"])

    assert done.value.code == 0
    assert "--json" in capsys.readouterr().out
