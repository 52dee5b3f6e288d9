"""The bills of dev and prod, by plain arithmetic from prices.json and the environment files.

Nothing of `operations.cost`, `workloads.prices` or `stacks.config` computes here: the counts are
written out, as somebody would who reads the files with a pocket calculator.
"""

import json
import tomllib
from pathlib import Path

import pytest

from operations.cost.__main__ import main

ROOT = Path(__file__).parents[3]
PRICES = json.loads((ROOT / "workloads" / "prices.json").read_text("utf-8"))
HOURS = 730
CENT = 0.005
DAY = "2026-11-22"  # Kubernetes 1.35 is in standard support


def files():
    return {
        name: tomllib.loads((ROOT / "stacks" / "environments" / f"{name}.toml").read_text("utf-8"))
        for name in ("dev", "prod")
    }


ENVIRONMENTS = files()


def service(row, region):
    """USD of a unit, or None: a region's own price, else the one that names no region."""
    prices = PRICES["services"][row]["prices"]
    usd = prices.get(region, prices.get("*"))
    return usd[0] if usd else None


def instance(table, name, region):
    regions = PRICES[table].get(name, {})
    usd = regions.get(region, regions.get("*"))
    return usd[0] if usd else None


def add(amounts):
    """What is known of them, and whether all is."""
    known = [amount for amount in amounts if amount is not None]
    return sum(known), len(known) == len(amounts)


def times(count, usd):
    if count == 0:
        return 0
    return None if usd is None else count * usd


def watched(config):
    """Metrics of the alarms of pools: failed nodes, broken memory, three of EFA, idle, asleep."""
    neuron = [pool for pool in config["pools"] if pool["instance_type"].startswith(("trn", "inf"))]
    efa = any(pool["instance_type"] == "trn1.32xlarge" for pool in neuron)
    return 1 + 1 + 3 * efa + len(neuron) + sum("idle_hours" in pool for pool in neuron)


def by_hand(config, size):
    """The stacks' sums for a month; `size` is 0 for the minimum sizes, 1 for the maximum ones."""
    region = config["region"]
    hour, month = (
        lambda count, row: times(count * HOURS, service(row, region)),
        lambda count, row: times(count, service(row, region)),
    )
    zones = len(config["network"]["zones"])
    system, tasks = (2, 3)[size], (2, 10)[size]
    hosted = config.get("endpoints", [])
    stacks = {
        "network": [
            hour(1, "nat_gateway_hour"),
            hour(1, "public_ipv4_hour"),
            hour(2 * zones, "vpc_endpoint_hour"),  # ecr.api and ecr.dkr, in each zone
        ],
        "storage": [month(1, "kms_key_month")],
        "cluster": [
            hour(1, "eks_hour"),
            month(1, "kms_key_month"),
            times(system * HOURS, instance("on_demand", "m7a.large", region)),
            month(system * 50, "gp3_gb_month"),
        ],
        "gateway": [
            month(1, "kms_key_month"),
            hour(1, "alb_hour"),
            hour(tasks * 1, "fargate_arm_vcpu_hour"),
            hour(tasks * 2, "fargate_arm_gb_hour"),
            month(2 * 2, "alarm_metric_month"),  # above and below each target: CPU, in flight
            month(1, "waf_acl_month"),
            month(4, "waf_rule_month"),
        ],
        "observability": [
            month(1, "kms_key_month"),
            month(1, "dashboard_month"),
            # 4 of an endpoint in three alarms, 1 of spending against the budget
            month(2 + 4 * len(hosted) + 9 + 1 + watched(config), "alarm_metric_month"),
        ],
    }
    tables = {"on-demand": "on_demand", "spot": "spot"}
    for pool in config["pools"]:
        count = pool["max_nodes"] if size else pool["min_nodes"]
        table = tables[pool.get("capacity", {}).get("kind", "on-demand")]
        gb = 128 if pool["instance_type"] == "m7a.4xlarge" else 512
        stacks[f"pool-{pool['name']}"] = [
            times(count * HOURS, instance(table, pool["instance_type"], region)),
            month(count * gb, "gp3_gb_month"),
        ]
    for endpoint in hosted:
        stacks[f"endpoint-{endpoint['name']}"] = [
            times(HOURS, instance("hosting", endpoint["instance_type"], region))
        ]
    return {name: add(amounts) for name, amounts in stacks.items()}


@pytest.fixture
def answer(capsys):
    def of(*arguments):
        assert main([*arguments, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    return of


@pytest.mark.parametrize("name", ENVIRONMENTS)
@pytest.mark.parametrize(("size", "key"), [(0, "idle"), (1, "full")])
def test_every_stack_costs_to_the_cent_what_it_does_by_hand(answer, name, size, key):
    expected = by_hand(ENVIRONMENTS[name], size)

    stacks = answer(name, "--today", DAY)["stacks"]

    assert stacks.keys() == expected.keys()
    for stack, (usd, complete) in expected.items():
        assert stacks[stack][key]["usd_per_month"] == pytest.approx(usd, abs=CENT), stack
        assert stacks[stack][key]["complete"] is complete, stack


@pytest.mark.parametrize("name", ENVIRONMENTS)
@pytest.mark.parametrize(("size", "key"), [(0, "idle"), (1, "full")])
def test_the_whole_costs_to_the_cent_what_it_does_by_hand(answer, name, size, key):
    stacks = by_hand(ENVIRONMENTS[name], size)

    total = answer(name, "--today", DAY)["totals"][key]

    usd = sum(usd for usd, _ in stacks.values())
    assert total["usd_per_month"] == pytest.approx(usd, abs=CENT)
    assert total["usd_per_hour"] == pytest.approx(usd / HOURS, abs=CENT / HOURS)
    assert total["complete"] is all(complete for _, complete in stacks.values())


def test_the_other_ways_to_buy_prod_s_trainium_by_hand(answer):
    region = ENVIRONMENTS["prod"]["region"]
    demand = instance("on_demand", "trn1.32xlarge", region)
    expected = {
        "on-demand": (0, 4 * demand * HOURS),
        "spot": (0, 4 * instance("spot", "trn1.32xlarge", region) * HOURS),
        "reservation": (4 * demand * HOURS, 4 * demand * HOURS),  # paid, used or not
        "capacity-block": (4 * instance("capacity_block", "trn1.32xlarge", region) * HOURS,) * 2,
    }

    [pool] = [pool for pool in answer("prod")["pools"] if pool["name"] == "trn1"]

    for way in pool["ways"]:
        idle, full = expected.pop(way["kind"])
        assert way["idle_usd_per_month"] == pytest.approx(idle, abs=CENT)
        assert way["full_usd_per_month"] == pytest.approx(full, abs=CENT)
    assert expected == {}


def test_what_is_used_by_hand(answer):
    """Each line: so much of it, times its price."""
    region = ENVIRONMENTS["dev"]["region"]
    options = ("--gb-out", "7", "--gb-stored", "11", "--gb-logs", "3", "--requests", "2000000",
               "--observations", "500")  # fmt: skip
    expected = {
        ("network", "nat_gateway_gb"): 7,
        ("network", "internet_out_gb"): 7,
        ("network", "vpc_endpoint_gb"): 3,
        ("network", "logs_ingested_gb"): 3,
        ("network", "logs_stored_gb_month"): 3,
        ("cluster", "logs_ingested_gb"): 3,
        ("cluster", "logs_stored_gb_month"): 3,
        ("cluster", "lambda_gb_second"): 1000,
        ("storage", "s3_gb_month"): 11,
        ("storage", "s3_put_thousand"): 100,
        ("storage", "s3_monitoring_thousand"): 10,
        ("storage", "ecr_gb_month"): 40,
        ("storage", "lambda_gb_second"): 1000,
        ("gateway", "logs_ingested_gb"): 3,
        ("gateway", "logs_stored_gb_month"): 9,  # kept for three months
        ("gateway", "alb_lcu_hour"): HOURS,
        ("gateway", "waf_request_million"): 2,
        ("gateway", "dynamodb_read_million"): 2,
        ("gateway", "dynamodb_write_million"): 8,  # an entry and its counters, in a transaction
        ("gateway", "dynamodb_gb_month"): 1,
        ("gateway", "dynamodb_pitr_gb_month"): 1,
        ("gateway", "kms_request_10k"): 200,
        ("gateway", "guardrail_content_thousand"): 10_000,
        ("gateway", "guardrail_sensitive_thousand"): 10_000,
        ("gateway", "custom_metric_month"): 38,
        ("cluster", "observation_million"): 2 * 500 * 60 * HOURS / 1e6,  # trn1 and inf2
        ("pool-trn1", "custom_metric_month"): 1,
        ("pool-trn1", "lambda_gb_second"): 365,
        ("pool-inf2", "custom_metric_month"): 1,
        ("pool-inf2", "lambda_gb_second"): 365,
    }

    lines = answer("dev", *options)["usage"]

    found = {
        (line["stack"], line["what"]): line["usd_per_month"]
        for line in lines
        if "tokens of" not in line["what"]
    }
    assert found.keys() == {(stack, PRICES["services"][row]["what"]) for stack, row in expected}
    for (stack, row), quantity in expected.items():
        usd = times(quantity, service(row, region))
        assert found[stack, PRICES["services"][row]["what"]] == (
            None if usd is None else pytest.approx(usd, abs=CENT)
        )
    tokens = {line["what"]: line["usd_per_month"] for line in lines if "tokens of" in line["what"]}
    # two million requests of 1,000 tokens and answers of 250, at 0.06 and 0.24 USD per million
    assert tokens == {
        "input tokens of us.amazon.nova-lite-v1:0": pytest.approx(120),
        "output tokens of us.amazon.nova-lite-v1:0": pytest.approx(120),
    }


def test_extended_support_costs_six_times_as_much_from_its_day_on(answer):
    def control_plane(day):
        lines = answer("prod", "--today", day)["lines"]
        [line] = [line for line in lines if line["resource"] == "AWS::EKS::Cluster"]
        return line["idle_usd_per_month"]

    assert control_plane("2027-03-26") == pytest.approx(0.10 * HOURS)
    assert control_plane("2027-03-27") == pytest.approx(0.60 * HOURS)


def test_a_job_by_hand(answer):
    region = ENVIRONMENTS["prod"]["region"]
    hours = 2000 * 1.8 / 3600  # one
    disks = 4 * 512 * service("gp3_gb_month", region) / HOURS * hours

    result = answer(
        "prod", "job", "--pool", "trn1", "--nodes", "4", "--steps", "2000",
        "--seconds-per-step", "1.8",
    )  # fmt: skip

    usd = {way["kind"]: way["usd"] for way in result["ways"]}
    demand = instance("on_demand", "trn1.32xlarge", region)
    block = instance("capacity_block", "trn1.32xlarge", region)
    assert result["seconds"] == pytest.approx(3600)
    assert usd["on-demand"] == pytest.approx(4 * demand * hours + disks, abs=CENT)
    assert usd["capacity-block"] == pytest.approx(4 * block * hours + disks, abs=CENT)
    [remark] = [way["remark"] for way in result["ways"] if way["kind"] == "capacity-block"]
    assert f"{4 * block * 24:,.2f} USD" in remark  # sold in whole days


def test_a_job_of_tokens_costs_what_one_of_as_many_seconds_does(answer):
    shared = ("prod", "job", "--pool", "epyc", "--nodes", "2")

    by_tokens = answer(*shared, "--tokens", "7.2e6", "--tokens-per-second", "1000")
    by_steps = answer(*shared, "--steps", "7200", "--seconds-per-step", "1")

    assert by_tokens["ways"] == by_steps["ways"]


def test_a_million_tokens_by_hand(answer):
    region = ENVIRONMENTS["prod"]["region"]
    usd = instance("on_demand", "inf2.48xlarge", region) * 2

    result = answer(
        "prod", "tokens", "--model", "own", "--pool", "inf2", "--nodes", "2",
        "--tokens-per-second", "5000", "--utilization", "0.4", "--input-tokens", "1500",
        "--output-tokens", "250",
    )  # fmt: skip

    own = usd / (5000 * 0.4 * 3600) * 1_000_000
    nova = 0.24 + 1500 / 250 * 0.06
    [offer] = result["bedrock"]
    assert result["usd_per_million_output_tokens"] == pytest.approx(own)
    assert offer["usd_per_million_output_tokens"] == pytest.approx(nova)
    assert offer["break_even_utilization"] == pytest.approx(own * 0.4 / nova)
