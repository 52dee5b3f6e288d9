"""Every instance type, bought every way, with every layout of its interfaces.

Each combination goes through the configuration: it is refused with a sentence, or synthesised with
all others of its region and judged by the checker, which knows nothing of the code under test.
"""

import copy
import json
from pathlib import Path

import aws_cdk as cdk
import pytest
from pydantic import ValidationError

from app import compose
from operations.checker import check
from stacks.config import EnvironmentConfig
from stacks.config.errors import sentences
from workloads import hardware

# EC2's answer as it is stored, past the classes that the code reads it through.
ROWS = json.loads((Path(hardware.__file__).parent / "hardware.json").read_text())
WITHOUT_EKS = {"use1-az3", "usw1-az2", "cac1-az3"}  # EKS user guide, network-reqs
WAYS = ("on-demand", "spot", "reservation", "placed reservation", "capacity-block")


def layouts(instance_type):
    """The ways to attach a type's interfaces; None: without EFA."""
    return (None, "efa", "efa-only") if ROWS[instance_type]["efa_interfaces"] else (None,)


COMBINATIONS = [
    (instance_type, way, layout)
    for instance_type in ROWS
    for way in WAYS
    for layout in layouts(instance_type)
]
every_type = pytest.mark.parametrize("instance_type", ROWS)


def region_of(instance_type):
    """A region that offers the type, one of few for all types together."""
    offered = ROWS[instance_type]["zones"]
    return next(r for r in ("us-east-2", "us-east-1", "us-west-2", *offered) if r in offered)


def capacity(way, number):
    """[pools.capacity] of a way to buy, with a reservation of the pool's own."""
    settings = {"kind": way.removeprefix("placed ")}
    if way not in ("on-demand", "spot"):
        settings["reservation"] = f"cr-{number:017x}"
    if way == "placed reservation":
        settings["placement_group"] = "group"
    return settings


def pool(combination):
    instance_type, way, layout = combination
    number = COMBINATIONS.index(combination)
    zones = ROWS[instance_type]["zones"][region_of(instance_type)]
    return {
        "name": f"p{number}",
        "instance_type": instance_type,
        "zone": next(zone for zone in zones if zone not in WITHOUT_EKS),
        "max_nodes": 2,
        "capacity": capacity(way, number),
    } | ({"efa_layout": layout} if layout else {"efa": False})


def environment(region, pools):
    return {
        "region": region,
        "network": {"zones": [z for z in hardware.REGIONS[region] if z not in WITHOUT_EKS]},
        "pools": pools,
    }


def verdict(combination):
    """The pool as the configuration takes it, or the sentences with which it is refused."""
    data = environment(region_of(combination[0]), [pool(combination)])
    try:
        return EnvironmentConfig.model_validate(data).pools[0]
    except ValidationError as error:
        return list(sentences(error, EnvironmentConfig, data))


VERDICTS = {combination: verdict(combination) for combination in COMBINATIONS}
REFUSED = {c: found for c, found in VERDICTS.items() if isinstance(found, list)}
TAKEN = {c: found for c, found in VERDICTS.items() if c not in REFUSED}


@pytest.fixture(scope="module")
def templates(new_app):
    """Every template of every region, by region and stack.

    The pools were each validated in an environment of their own; together they would need more
    addresses than a subnet has.
    """
    app = new_app()
    app.node.set_context("aws:cdk:disable-asset-staging", True)
    stages = {}
    for region in {region_of(instance_type) for instance_type, *_ in TAKEN}:
        pools = tuple(taken for c, taken in TAKEN.items() if region_of(c[0]) == region)
        config = EnvironmentConfig.model_validate(environment(region, []))
        stages[region] = cdk.Stage(app, region, env=cdk.Environment(region=region))
        compose(stages[region], config.model_copy(update={"pools": pools}))
    app.synth()
    return {
        region: {stack.stack_name: stack.template for stack in stage.synth().stacks}
        for region, stage in stages.items()
    }


@pytest.fixture(scope="module")
def findings(templates):
    """What the checker finds, by stack. Deployed together: the stacks of one region."""
    found = {}
    for together in templates.values():
        for finding in check(together):
            found.setdefault(finding.template, []).append(finding)
    return found


def stack_of(combination):
    return f"{region_of(combination[0])}-pool-p{COMBINATIONS.index(combination)}"


def resources(templates, combination, kind):
    """The properties of a pool's resources of a type."""
    template = templates[region_of(combination[0])][stack_of(combination)]
    every = template["Resources"].values()
    return [resource["Properties"] for resource in every if resource["Type"] == kind]


def sold(instance_type, way):
    """Whether a pool can be bought so: what EC2 lists, less what has no price or no software."""
    family = instance_type.partition(".")[0]
    if family in ("inf1", "trn2u"):  # no Neuron SDK any more; one server of an UltraServer
        return False
    if way == "on-demand" and family in ("trn2", "p5e"):  # no price in any region
        return False
    listed = "on-demand" if way.endswith("reservation") else way
    return listed in ROWS[instance_type]["usage_classes"]


@every_type
def test_what_ec2_sells_is_taken_and_the_rest_is_refused(instance_type):
    for combination in COMBINATIONS:
        if combination[0] == instance_type:
            assert (combination not in REFUSED) == sold(*combination[:2]), combination


@pytest.mark.parametrize("combination", REFUSED, ids=lambda c: "-".join(map(str, c)))
def test_a_refusal_is_one_sentence_that_names_the_key_and_the_type(combination):
    [sentence] = REFUSED[combination]

    assert sentence.startswith(f'pools["p{COMBINATIONS.index(combination)}"].')
    assert combination[0] in sentence
    assert "; " in sentence, "a remedy follows what is wrong"


@every_type
def test_every_pool_of_a_type_is_clean_under_the_checker(findings, instance_type):
    taken = [combination for combination in TAKEN if combination[0] == instance_type]

    assert {c: findings[stack_of(c)] for c in taken if stack_of(c) in findings} == {}


def test_the_checker_finds_a_pool_that_is_not_as_it_should_be(templates):
    """Else a matrix without findings would say nothing."""
    region = "us-east-2"
    combination = ("trn1.32xlarge", "capacity-block", "efa")
    spoilt = copy.deepcopy(templates[region])
    for resource in spoilt[stack_of(combination)]["Resources"].values():
        if resource["Type"] == "AWS::EC2::LaunchTemplate":
            data = resource["Properties"]["LaunchTemplateData"]
            data["Placement"] = {"GroupName": "group"}
            data["NetworkInterfaces"][7]["DeviceIndex"] = 7

    found = [finding for finding in check(spoilt) if "-pool-" in finding.template]

    assert {finding.template for finding in found} == {stack_of(combination)}
    assert len({finding.rule for finding in found}) >= 2


# What each way of buying writes down; a cluster placement group is for EFA, bought freely.
@pytest.mark.parametrize(
    ("way", "capacity_type", "market", "target", "placement"),
    [
        ("on-demand", "ON_DEMAND", None, False, "own"),
        ("spot", "SPOT", None, False, "own"),
        ("reservation", "ON_DEMAND", None, True, None),
        ("placed reservation", "ON_DEMAND", None, True, "group"),
        ("capacity-block", "CAPACITY_BLOCK", "capacity-block", True, None),
    ],
)
def test_capacity_is_written_down_as_it_is_bought(
    templates, way, capacity_type, market, target, placement
):
    for combination in (taken for taken in TAKEN if taken[1] == way):
        [group] = resources(templates, combination, "AWS::EKS::Nodegroup")
        [template] = resources(templates, combination, "AWS::EC2::LaunchTemplate")
        own_groups = resources(templates, combination, "AWS::EC2::PlacementGroup")
        data = template["LaunchTemplateData"]
        placed = data.get("Placement", {}).get("GroupName")

        assert group["CapacityType"] == capacity_type
        assert data.get("InstanceMarketOptions", {}).get("MarketType") == market
        assert ("CapacityReservationSpecification" in data) == target
        if placement == "own" and combination[2]:
            assert own_groups == [{"Strategy": "cluster"}]
            assert "Ref" in placed
        else:
            assert own_groups == []
            assert placed == (placement if placement != "own" else None)
