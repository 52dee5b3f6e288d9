import ast
import json
import math
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from workloads import hardware
from workloads.hardware import CHIPS, INSTANCES, QUOTAS, REGIONS

ALL = pytest.mark.parametrize("instance", INSTANCES.values(), ids=INSTANCES)
NEURON = [instance for instance in INSTANCES.values() if instance.neuron]


@ALL
def test_counts_are_those_of_a_computer(instance):
    assert instance.vcpus in (instance.cores, 2 * instance.cores)
    assert instance.memory_gib > 0
    assert instance.local_nvme_gb >= 0
    assert (instance.chip is None) == (instance.chips == 0)


@ALL
def test_cards_are_numbered_from_zero_and_carry_what_ec2_promises(instance):
    cards = instance.network_cards

    assert [card.index for card in cards] == list(range(len(cards)))
    assert all(card.interfaces >= 1 for card in cards)
    # One EFA interface per card that takes one: the launch template relies on it.
    assert sum(card.efa for card in cards) == instance.efa_interfaces


@ALL
def test_a_second_card_has_room_for_device_index_one(instance):
    assert all(card.interfaces >= 2 for card in instance.network_cards[1:])


@ALL
def test_a_type_is_offered_in_zones_of_the_region_it_is_offered_in(instance):
    assert instance.zones
    for region, zones in instance.zones.items():
        assert zones
        assert list(zones) == sorted(set(zones))
        assert set(zones) <= set(REGIONS[region])


@ALL
def test_a_type_is_sold_somehow(instance):
    assert instance.usage_classes
    assert set(instance.usage_classes) <= {"on-demand", "spot", "capacity-block"}


@pytest.mark.parametrize(
    ("quota", "names"),
    [
        ("trn", ["trn1.2xlarge", "trn1n.32xlarge", "trn2u.48xlarge"]),
        ("inf", ["inf1.xlarge", "inf2.48xlarge"]),
        ("hpc", ["hpc6a.48xlarge", "hpc8a.96xlarge"]),
        ("p", ["p4de.24xlarge", "p5en.48xlarge", "p6-b300.48xlarge"]),
        ("g", ["g6e.xlarge"]),
        ("standard", ["m6a.large", "c7a.48xlarge", "r8a.metal-48xl"]),
    ],
)
def test_a_quota_is_that_of_the_class_of_the_family(quota, names):
    assert {INSTANCES[name].quota for name in names} == {QUOTAS[quota]}


@ALL
def test_a_type_without_spot_quota_has_no_spot(instance):
    if instance.quota.spot is None:
        assert "spot" not in instance.usage_classes


@pytest.mark.parametrize("chip", CHIPS.values(), ids=CHIPS)
def test_a_chip_has_numbers_a_maker_and_a_source(chip):
    assert chip.hbm_gib > 0
    assert chip.bf16_tflops > 0
    assert chip.source
    assert chip.maker in ("aws", "nvidia")
    assert (chip.maker == "aws") == (chip.cores > 0)
    assert chip.lnc is None or chip.cores % chip.lnc == 0
    assert chip.compiler_target is None or chip.maker == "aws"


def test_every_chip_of_the_table_is_in_an_instance():
    assert {instance.chip.name for instance in INSTANCES.values() if instance.chip} == set(CHIPS)


def test_regions_have_no_zone_in_common():
    zones = [zone for zones in REGIONS.values() for zone in zones]

    assert len(zones) == len(set(zones))


# Figures of AWS's own pages, read apart from the API's answer:
# Neuron documentation, about-neuron/arch/neuron-hardware/{trn1,trn2,inf2,inf1}-arch.rst.
@pytest.mark.parametrize(
    ("name", "chips", "cores", "efa", "hbm_gib", "tflops"),
    [
        ("trn1.2xlarge", 1, 2, 0, 32, 190),
        ("trn1.32xlarge", 16, 32, 8, 512, 3040),
        ("trn1n.32xlarge", 16, 32, 16, 512, 3040),
        ("trn2.3xlarge", 1, 8, 1, 96, 667),
        ("trn2.48xlarge", 16, 128, 16, 1536, 10672),
        ("trn2u.48xlarge", 16, 128, 16, 1536, 10672),
        ("inf1.24xlarge", 16, 64, 1, 128, 1024),
        ("inf2.xlarge", 1, 2, 0, 32, 190),
        ("inf2.24xlarge", 6, 12, 0, 192, 1140),
        ("inf2.48xlarge", 12, 24, 0, 384, 2280),
    ],
)
def test_neuron_types_are_as_documented(name, chips, cores, efa, hbm_gib, tflops):
    instance = INSTANCES[name]

    assert instance.chips == chips
    assert instance.neuron_cores == cores
    assert instance.efa_interfaces == efa
    assert chips * instance.chip.hbm_gib == hbm_gib
    assert chips * instance.chip.bf16_tflops == tflops


# amazon-vpc-cni-k8s, pkg/vpc/vpc_ip_resource_limit.go.
@pytest.mark.parametrize(
    ("name", "cards", "interfaces"),
    [
        ("trn1.32xlarge", 8, 5),
        ("trn1n.32xlarge", 16, 5),
        ("trn2.48xlarge", 16, 2),
        ("inf2.48xlarge", 1, 15),
        ("m7a.48xlarge", 1, 15),
        ("m8a.48xlarge", 1, 24),
        ("hpc7a.96xlarge", 2, 2),
        ("p5.48xlarge", 32, 2),
    ],
)
def test_cards_are_as_the_vpc_cni_has_them(name, cards, interfaces):
    assert [card.interfaces for card in INSTANCES[name].network_cards] == [interfaces] * cards


# amazon-vpc-cni-k8s, the same file.
@pytest.mark.parametrize(
    ("name", "addresses"),
    [
        ("trn1.2xlarge", 15),
        ("trn1.32xlarge", 50),
        ("trn2.48xlarge", 50),
        ("inf2.xlarge", 15),
        ("m7a.large", 10),
        ("m8a.48xlarge", 64),
        ("hpc7a.96xlarge", 50),
        ("p5.4xlarge", 30),
    ],
)
def test_addresses_of_an_interface_are_as_the_vpc_cni_has_them(name, addresses):
    assert INSTANCES[name].ipv4_per_interface == addresses


def test_the_first_card_of_p6_b300_takes_no_efa():
    cards = INSTANCES["p6-b300.48xlarge"].network_cards

    assert [card.efa for card in cards] == [False] + [True] * 16


def test_ec2s_answer_is_corrected_where_it_is_wrong_or_silent():
    assert INSTANCES["trn2u.48xlarge"].chip == CHIPS["Trainium2"]
    assert INSTANCES["p4de.24xlarge"].chip.hbm_gib == 80
    assert INSTANCES["p4d.24xlarge"].chip.hbm_gib == 40


def test_types_without_an_on_demand_price_are_not_sold_on_demand():
    without = {name for name, instance in INSTANCES.items() if not instance.sold_on_demand}

    assert without == {"trn2.3xlarge", "trn2.48xlarge", "trn2u.48xlarge", "p5e.48xlarge"}


def test_trn1_of_us_east_2_is_in_one_zone():
    assert INSTANCES["trn1.32xlarge"].zones["us-east-2"] == ("use2-az3",)


@pytest.mark.parametrize("instance", NEURON, ids=lambda instance: instance.name)
def test_neuron_cores_are_whole_chips(instance):
    assert math.gcd(instance.neuron_cores, instance.chip.cores) == instance.chip.cores
    assert not instance.nvidia


def test_the_module_imports_the_standard_library_only():
    tree = ast.parse(Path(hardware.__file__).read_text())
    modules = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
        )
    }

    assert modules <= sys.stdlib_module_names


@ALL
def test_a_node_advertises_what_is_in_it(instance):
    resources = instance.kubernetes_resources(efa=True)

    assert all(count > 0 for count in resources.values())
    assert ("aws.amazon.com/neuron" in resources) == ("aws.amazon.com/neuroncore" in resources)
    assert resources.get("aws.amazon.com/neuron", 0) == (instance.chips if instance.neuron else 0)
    assert resources.get("nvidia.com/gpu", 0) == (instance.chips if instance.nvidia else 0)
    assert resources.get("vpc.amazonaws.com/efa", 0) == instance.efa_interfaces
    assert "vpc.amazonaws.com/efa" not in instance.kubernetes_resources()


# Neuron documentation, containers/kubernetes-getting-started.rst and the logical NeuronCores of
# about-neuron/arch/neuron-features/logical-neuroncore-config.rst.
@pytest.mark.parametrize(
    ("name", "lnc", "neuron", "cores"),
    [
        ("inf2.xlarge", None, 1, 2),
        ("inf2.48xlarge", None, 12, 24),
        ("trn1.32xlarge", None, 16, 32),
        ("trn2.3xlarge", None, 1, 4),
        ("trn2.48xlarge", None, 16, 64),
        ("trn2.48xlarge", 1, 16, 128),
        ("trn2.48xlarge", 2, 16, 64),
    ],
)
def test_neuron_cores_are_advertised_as_logical_ones(name, lnc, neuron, cores):
    assert INSTANCES[name].kubernetes_resources(lnc=lnc) == {
        "aws.amazon.com/neuron": neuron,
        "aws.amazon.com/neuroncore": cores,
    }


@pytest.mark.parametrize(
    ("name", "lnc"), [("trn1.32xlarge", 2), ("m7a.xlarge", 1), ("trn2.3xlarge", 3)]
)
def test_cores_are_joined_only_where_the_chip_can(name, lnc):
    with pytest.raises(ValueError, match=f"{name} has no logical NeuronCore configuration {lnc}"):
        INSTANCES[name].kubernetes_resources(lnc=lnc)


def without(file, text):
    return lambda folder: (folder / file).write_text((folder / file).read_text().replace(text, ""))


def with_a_new_chip(folder):
    rows = json.loads((folder / "hardware.json").read_text())
    rows["trn9.96xlarge"] = rows["trn1.2xlarge"] | {"chip": "Trainium9"}
    (folder / "hardware.json").write_text(json.dumps(rows))


@pytest.mark.parametrize(
    ("slip", "told"),
    [
        (
            with_a_new_chip,
            "workloads/hardware.json: trn9.96xlarge has the chip Trainium9, of which hardware.toml "
            "beside it has no row; add one, [chips.Trainium9], with its source",
        ),
        (without("hardware.json", '"vcpus": 8, '), "workloads/hardware.json: the row of "),
        (without("hardware.json", "}\n}"), "workloads/hardware.json cannot be read: "),
        (without("hardware.toml", '= "aws"'), "workloads/hardware.toml cannot be read: "),
        (
            without("hardware.toml", 'maker       = "aws"\n'),
            "workloads/hardware.toml: [chips.Inferentia] is not whole: missing 1 required",
        ),
    ],
    ids=["chip without a row", "no vcpus", "no JSON", "no TOML", "chip without a maker"],
)
def test_a_slip_in_a_table_ends_every_command_with_a_sentence(tmp_path, slip, told):
    folder = tmp_path / "workloads"
    folder.mkdir()
    for suffix in ("py", "json", "toml"):
        shutil.copy(Path(hardware.__file__).with_suffix(f".{suffix}"), folder)
    slip(folder)

    done = subprocess.run(
        [sys.executable, "-c", "import workloads.hardware"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith(told)
    assert done.stderr.count("\n") == 1
