import json

import pytest

from operations.checker import RULES
from operations.checker.__main__ import main


@pytest.fixture
def folder(prod, tmp_path):
    """prod as a folder of files, with one trap."""
    prod.drop("AWS::EC2::SecurityGroupEgress")
    for name, body in prod.templates.items():
        (tmp_path / f"{name}.template.json").write_text(json.dumps(body))
    return tmp_path


def test_a_finding_says_where_what_why_and_the_remedy(folder, capsys):
    assert main([str(folder)]) == 1

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{folder / 'prod-pool-trn1.template.json'}: EfaSecurityGroup")
    assert lines[0].endswith(": efa-self-egress (hangs, or is slow without a word)")
    paragraph = " ".join(line.strip() for line in lines[1:-2])
    rule = RULES["efa-self-egress"]
    assert rule.without in paragraph
    assert "Right: add an AWS::EC2::SecurityGroupEgress" in paragraph
    assert rule.sources[0] in paragraph
    assert all(len(line) <= 100 for line in lines[1:])
    assert lines[-1] == f"9 templates, 4 groups of nodes, {len(RULES)} rules: 1 finding."


def test_one_paragraph_tells_several_values_of_one_resource(prod, tmp_path, capsys):
    for interface in prod.interfaces():
        interface["DeviceIndex"] = interface["NetworkCardIndex"]
    (tmp_path / "pool.json").write_text(json.dumps(prod.pool("trn1")))

    assert main([str(tmp_path / "pool.json")]) == 1

    said = " ".join(capsys.readouterr().out.split())
    assert said.count("device-index") == 1
    assert "NetworkInterfaces[2].DeviceIndex is 2 on card 2" in said
    assert "; and 3 more. EC2 refuses" in said
    assert said.endswith("6 findings.")


def test_findings_as_json(folder, capsys):
    assert main([str(folder), "--json"]) == 1

    report = json.loads(capsys.readouterr().out)
    assert len(report["templates"]) == 9
    [finding] = report["findings"]
    assert finding["rule"] == "efa-self-egress"
    assert finding["severity"] == "H"
    assert finding["sources"] == list(RULES["efa-self-egress"].sources)


def test_templates_without_a_finding_exit_with_0(folder, capsys):
    assert main([str(folder / "prod-pool-inf2.template.json")]) == 0
    assert capsys.readouterr().out.endswith(f"{len(RULES)} rules: no finding.\n")


def test_input_that_cannot_be_used_exits_with_2_and_a_sentence(tmp_path, capsys):
    assert main([str(tmp_path / "nowhere.yaml")]) == 2

    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == f"{tmp_path / 'nowhere.yaml'} cannot be read: No such file or directory\n"


def test_without_a_path_the_command_says_what_it_wants(capsys):
    with pytest.raises(SystemExit) as ended:
        main([])

    assert ended.value.code == 2
    assert "give a template, a folder of templates, or a cdk.out" in capsys.readouterr().err


def test_the_rules_are_listed(capsys):
    assert main(["--rules"]) == 0
    listed = capsys.readouterr().out
    assert all(rule.id in listed and rule.title in listed for rule in RULES.values())

    assert main(["--rules", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rules"]
    assert [row["id"] for row in rows] == list(RULES)


def test_every_rule_has_sources_and_sentences():
    for rule in RULES.values():
        assert rule.sources and all(source.startswith("https://") for source in rule.sources)
        assert rule.without.endswith((".", '".'))
        assert not rule.title.endswith(".")
