import pytest

from stacks.config.types import known_instance, refused
from workloads.hardware import INSTANCES


def told(name):
    with pytest.raises(ValueError) as refusal:
        known_instance(name)
    return str(refusal.value)


@pytest.mark.parametrize("name", INSTANCES)
def test_every_type_of_the_table_is_taken_but_those_of_an_ultraserver(name):
    if name == "trn2u.48xlarge":
        assert refused(name)
    else:
        assert known_instance(name) == name


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("mi300x", "AWS rents no AMD Instinct accelerator"),
        ("MI325X.48xlarge", "AWS rents no AMD Instinct accelerator"),
        ("AMD Instinct MI355X", "AWS rents no AMD Instinct accelerator"),
        ("g4ad.xlarge", "its AMD Radeon Pro V520 is made for graphics"),
        ("trainium3", "EC2 rents no Trainium3 instance type by name"),
        ("trn3.48xlarge", "EC2 rents no Trainium3 instance type by name"),
        ("trn3s.48xlarge", "EC2 rents no Trainium3 instance type by name"),
        ("trn3pd98.48xlarge", "EC2 rents no Trainium3 instance type by name"),
        ("Trainium 4", "AWS does not rent Trainium4"),
        ("trn4.48xlarge", "AWS does not rent Trainium4"),
        ("inf3.xlarge", "AWS rents no Inferentia3"),
        ("dl1.24xlarge", "its accelerator is Intel's or Qualcomm's"),
        ("Gaudi2", "its accelerator is Intel's or Qualcomm's"),
    ],
)
def test_an_accelerator_aws_does_not_rent_is_refused_with_the_nearest_choice(name, sentence):
    assert told(name).startswith(sentence)
    assert "trn2.48xlarge (Trainium2)" in told(name)


@pytest.mark.parametrize(
    ("name", "choice"),
    [
        ("trn2u.48xlarge", "choose trn2.48xlarge, which has the same sixteen chips"),
        ("trn2u-ac.24xlarge", "choose trn2.48xlarge"),
        ("Trn2 UltraServer", "choose trn2.48xlarge"),
        ("p6e-gb200.36xlarge", "choose p6-b200.48xlarge or p6-b300.48xlarge"),
        ("p6e-gb300.36xlarge", "choose p6-b200.48xlarge or p6-b300.48xlarge"),
        ("u-p6e-gb200x72", "choose p6-b200.48xlarge or p6-b300.48xlarge"),
    ],
)
def test_a_part_of_an_ultraserver_is_refused_with_a_whole_machine(name, choice):
    assert "sold as a part of" in told(name)
    assert "through Capacity Blocks for UltraServers" in told(name)
    assert choice in told(name)


ARM = ["m8g.48xlarge", "c7gn.16xlarge", "r8gd.metal-48xl", "g5g.xlarge", "hpc7g.16xlarge"]


@pytest.mark.parametrize(
    "name", [*ARM, "t4g.large", "a1.xlarge", "im4gn.large", "c6g", "Graviton4"]
)
def test_an_arm_processor_is_refused_with_an_epyc(name):
    assert told(name) == (
        "it has an Arm processor, and the node images and containers here are x86-64; "
        "for AMD EPYC processors choose m8a, c8a or r8a"
    )


@pytest.mark.parametrize("name", ["g6e.xlarge", "g4dn.xlarge", "p4d.24xlarge", "m7a.large"])
def test_no_other_family_is_taken_for_arm(name):
    assert not refused(name)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("trn1.32xlage", "did you mean trn1.32xlarge?"),
        ("TRN1.32XLARGE", "did you mean trn1.32xlarge?"),
        ("p4d.24xl", "did you mean p4d.24xlarge?"),
        ("trn1", "trn1 comes as trn1.2xlarge, trn1.32xlarge"),
        ("trn1.16xlarge", "trn1 comes as trn1.2xlarge, trn1.32xlarge"),
        ("trn2.24xlarge", "trn2 comes as trn2.3xlarge, trn2.48xlarge"),
        ("p5.24xlarge", "p5 comes as p5.48xlarge, p5.4xlarge"),
        ("ml.trn1.32xlarge", "names with ml. are SageMaker's, EC2's is trn1.32xlarge"),
        ("g4dn.xlarge", "known of its kind: g6e "),
        ("p3.2xlarge", "known of its kind: p4d, p4de, p5, p5e, p5en, p6-b200, p6-b300 "),
        ("m7i.48xlarge", "known of its kind: m6a, m7a, m8a "),
        ("h100", "known families: c6a, "),
        ("", "known families: c6a, "),
    ],
)
def test_an_unknown_name_is_told_with_what_was_meant(name, hint):
    assert told(name).startswith(f"not an instance type of the hardware table; {hint}")


def test_no_hint_leads_to_a_type_that_is_refused():
    assert "trn2u" not in told("nonsense")
    assert "trn2u" not in told("trn2n.48xlarge")
