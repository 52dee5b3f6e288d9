import pytest

from workloads.version_rules import RULES, Rule, broken, numbers


def rule(when, needs):
    return Rule(when=when, needs=needs, otherwise="it fails", source="the notes")


@pytest.mark.parametrize(
    ("condition", "value", "holds"),
    [
        ("any", "1.0", True),
        (">= 2.29", "2.29.0.0", True),
        (">= 2.29", "2.9.1", False),  # as numbers, not as text
        ("< 2.30", "2.30.51", False),
        (">= 4.57, < 5", "4.57", True),
        (">= 4.57, < 5", "5.0.1", False),
        ("in trn2 trn3", "trn3", True),
        ("in trn2 trn3", "trn1", False),
        ("not in trn1 inf2", "trn9", True),
        ("not in trn1 inf2", "inf2", False),
        ("same as twin", "1.35.2", True),
        ("same as twin", "1.35.3", False),
        ("same minor as twin", "1.35.9", True),
        ("same minor as twin", "1.36.2", False),
    ],
)
def test_a_condition_holds_or_not(condition, value, holds):
    facts = {"thing": value, "twin": "1.35.2", "asked": "1"}

    assert rule({"asked": "any"}, {"thing": condition}).broken(facts) is not holds
    assert rule({"thing": condition}, {"asked": "< 1"}).broken(facts) is holds


def test_what_is_not_known_breaks_no_rule():
    needy = rule({"driver": ">= 2.29"}, {"runtime": ">= 2.33"})

    assert not needy.broken({"driver": "2.29"})
    assert not needy.broken({"runtime": "2.30"})
    assert needy.broken({"driver": "2.29", "runtime": "2.30"})


def test_one_need_of_several_that_is_not_met_breaks_the_rule():
    needy = rule({"a": "any"}, {"b": ">= 1", "c": ">= 1"})

    assert needy.broken({"a": "1", "b": "1", "c": "0"})
    assert not needy.broken({"a": "1", "b": "1", "c": "1"})


def test_a_broken_rule_is_said_with_the_values_that_break_it():
    facts = {"driver": "2.29.0.0", "runtime": "2.30.51.0", "family": "trn1"}
    [broke] = broken(facts)

    assert broke.sentence(facts) == (
        "driver 2.29.0.0, runtime 2.30.51.0: driver >= 2.29 needs runtime >= 2.33, or nrt_init() "
        "fails (release-notes/components/runtime.rst, known issues of 2.31)"
    )


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: " ".join(rule.names))
def test_every_rule_says_what_happens_without_it_and_who_says_so(rule):
    assert rule.when and rule.needs
    assert rule.otherwise and not rule.otherwise.endswith(".")
    assert rule.source


def test_a_version_is_compared_part_by_part():
    assert numbers("1.35.6-20260618") == (1, 35, 6, 20260618)
    assert numbers("v0.5.30") == (0, 5, 30)
