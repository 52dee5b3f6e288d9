import json
import re

import pytest

from operations.checker.loading import InputError, load

TEMPLATE = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}


def write(folder, name, content):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def stack(name, region="us-east-2"):
    return {
        "type": "aws:cloudformation:stack",
        "environment": f"aws://unknown-account/{region}",
        "properties": {"templateFile": f"{name}.template.json", "stackName": name},
    }


def assembly(folder, artifacts):
    write(folder, "manifest.json", {"version": "55.0.0", "artifacts": artifacts})
    for artifact in artifacts.values():
        if "templateFile" in artifact["properties"]:
            write(folder, artifact["properties"]["templateFile"], TEMPLATE)


def test_files_are_deployed_together_under_their_own_names(tmp_path):
    one = write(tmp_path, "one.json", TEMPLATE)
    two = write(tmp_path, "two.template.yaml", "Resources: {T: {Type: AWS::SNS::Topic}}")

    [templates] = load([one, two])

    assert [(t.name, t.stack, t.region) for t in templates] == [
        (str(one), "one", None),
        (str(two), "two", None),
    ]


def test_short_tags_are_cloudformations(tmp_path):
    text = "Resources: {T: {Type: A, Properties: {a: !Ref T, b: !GetAtt T.B.C, c: !Sub 'x'}}}"

    [[template]] = load([write(tmp_path, "t.yml", text)])

    assert template.body["Resources"]["T"]["Properties"] == {
        "a": {"Ref": "T"},
        "b": {"Fn::GetAtt": ["T", "B.C"]},
        "c": {"Fn::Sub": "x"},
    }


def test_every_assembly_within_an_assembly_is_a_set(tmp_path):
    stage = {"type": "cdk:cloud-assembly", "properties": {"directoryName": "assembly-prod"}}
    tree = {"type": "cdk:tree", "properties": {"file": "tree.json"}}
    assembly(tmp_path, {"plain": stack("plain"), "assembly-prod": stage, "Tree": tree})
    assembly(
        tmp_path / "assembly-prod", {"a": stack("prod-a"), "b": stack("prod-b", "unknown-region")}
    )

    sets = load([tmp_path])

    assert [[(t.stack, t.region) for t in templates] for templates in sets] == [
        [("plain", "us-east-2")],
        [("prod-a", "us-east-2"), ("prod-b", None)],
    ]


def test_a_folder_of_templates_is_a_set_and_other_files_are_left_alone(tmp_path):
    write(tmp_path, "one.yaml", "Resources: {T: {Type: AWS::SNS::Topic}}")
    write(tmp_path, "two.json", TEMPLATE)
    write(tmp_path, "package.json", {"name": "theirs"})
    write(tmp_path, "chart.yaml", "image: {{ .Values.image }}: no YAML")
    write(tmp_path, "notes.txt", "Resources")

    [templates] = load([tmp_path])

    assert [template.stack for template in templates] == ["one", "two"]


@pytest.mark.parametrize("of_cdk", [True, False])
def test_a_nested_stack_is_read_from_the_file_that_lies_beside(tmp_path, of_cdk):
    write(tmp_path, "child.json", TEMPLATE)
    where = (
        {"Metadata": {"aws:asset:path": "child.json"}}
        if of_cdk
        else {"Properties": {"TemplateURL": "./child.json"}}
    )
    nested = {"Resources": {"Child": {"Type": "AWS::CloudFormation::Stack"} | where}}
    parent = write(tmp_path, "parent.json", nested)

    for path in (parent, tmp_path):
        [[outer, inner]] = load([path])

        assert (outer.name, outer.parent) == (str(parent), None)
        assert (inner.name, inner.parent) == (str(tmp_path / "child.json"), (outer.name, "Child"))


def test_templates_that_nest_each_other_are_read_once(tmp_path):
    for one, other in (("a", "b"), ("b", "a")):
        nested = {
            "Type": "AWS::CloudFormation::Stack",
            "Properties": {"TemplateURL": f"{other}.json"},
        }
        write(tmp_path, f"{one}.json", {"Resources": {"Child": nested}})

    [templates] = load([tmp_path / "a.json"])

    assert [template.stack for template in templates] == ["a", "Child"]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("t.json", "{", "t.json is not JSON: "),
        ("t.yaml", "Resources: [", "t.yaml is not YAML, in line 2: "),
        ("t.yaml", "a: 1\na: 2", "t.yaml is not YAML, in line 1: Duplicate"),
        ("t.yaml", "just text", "t.yaml is not a CloudFormation template: it has no Resources"),
        ("t.json", '{"Resources": []}', "t.json is not a CloudFormation template"),
        ("t.json", "[]", "t.json is not a CloudFormation template"),
        ("t.yaml", "", "t.yaml is not"),
    ],
)
def test_what_is_no_template_is_said_in_a_sentence(tmp_path, name, content, sentence):
    with pytest.raises(InputError, match=re.escape(sentence)) as raised:
        load([write(tmp_path, name, content)])

    assert "\n" not in str(raised.value)


def test_a_broken_template_in_a_folder_is_not_passed_over(tmp_path):
    write(tmp_path, "t.json", '{"Resources": {"T": {"Type": "AWS::SNS::Topic"')

    with pytest.raises(InputError, match="is not JSON"):
        load([tmp_path])


def test_what_cannot_be_read_is_said_in_a_sentence(tmp_path):
    binary = tmp_path / "t.json"
    binary.write_bytes(b"\xff")
    empty = tmp_path / "empty"
    empty.mkdir()

    for path, sentence in [
        (binary, "is not UTF-8 text; its byte 0 is not"),
        (tmp_path / "nowhere.json", "cannot be read: No such file or directory"),
        (empty, "holds no CloudFormation template"),
    ]:
        with pytest.raises(InputError, match=sentence):
            load([path])
