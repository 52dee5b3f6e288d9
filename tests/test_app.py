import json
import os
import subprocess
import sys
from pathlib import Path

import aws_cdk as cdk
import pytest

from app import compose
from stacks.config import EnvironmentConfig

ROOT = Path(__file__).parent.parent
DEV = (ROOT / "stacks" / "environments" / "dev.toml").read_text()


def run(folder, **context):
    """The app as the command line starts it, with the environment files of a folder."""
    silence = {"JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "20"}
    context = {"CDK_CONTEXT_JSON": json.dumps({"environments": str(folder)} | context)}
    return subprocess.run(
        [sys.executable, ROOT / "app.py"],
        env=os.environ | silence | context,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("min_nodes     = 0", "min_node = 0"),
        ('"inf2.xlarge"', '"inf2.xlarge"\nefa = true'),
    ],
    ids=["misspelt key", "EFA on inf2"],
)
def test_a_mistake_in_an_environment_file_ends_in_one_sentence(tmp_path, right, wrong):
    """Every other mistake comes the same way: tests/stacks/config has them all."""
    assert right in DEV
    (tmp_path / "dev.toml").write_text(DEV.replace(right, wrong, 1))

    ended = run(tmp_path)

    assert ended.returncode == 2
    assert ended.stdout == ""
    [sentence] = ended.stderr.splitlines()
    assert sentence.startswith(f"{tmp_path / 'dev.toml'}: ")


def test_a_folder_that_is_not_there_ends_in_one_sentence(tmp_path):
    ended = run(tmp_path / "nowhere")

    assert ended.returncode == 2
    assert ended.stderr.splitlines() == [
        f"{tmp_path / 'nowhere'} is not a folder; give one that holds environment files"
    ]


def test_what_has_lost_its_support_on_the_day_of_the_synthesis_ends_in_a_sentence(tmp_path):
    (tmp_path / "dev.toml").write_text(DEV)

    ended = run(tmp_path, today="2099-01-01")

    assert ended.returncode == 2
    assert ended.stdout == ""
    for sentence in ended.stderr.splitlines():
        assert sentence.startswith(f"{tmp_path / 'dev.toml'}: ")
        assert "support ended on" in sentence


def test_each_part_is_a_stack_named_after_its_environment(stage):
    names = [artifact.stack_name for artifact in stage("prod").synth().stacks]

    assert sorted(names) == [
        "prod-cluster",
        "prod-endpoint-tiny-llama",
        "prod-gateway",
        "prod-network",
        "prod-observability",
        "prod-pool-epyc",
        "prod-pool-inf2",
        "prod-pool-trn1",
        "prod-storage",
    ]


def test_without_models_there_is_no_gateway(new_app):
    config = EnvironmentConfig(region="us-east-2", network={"zones": ["use2-az1", "use2-az3"]})
    stage = cdk.Stage(new_app(), "bare", env=cdk.Environment(region="us-east-2"))

    compose(stage, config)

    names = {artifact.stack_name for artifact in stage.synth().stacks}
    assert names == {"bare-network", "bare-storage", "bare-cluster", "bare-observability"}


@pytest.mark.parametrize("environment", ["demo", "prod", "closed", "open"])
def test_a_stack_reads_others_outputs_and_locks_none(stacks, environment):
    """Exports would keep a producer from dropping what a deleted consumer used."""
    every = stacks(environment)

    for stack in every.values():
        assert "Fn::ImportValue" not in json.dumps(stack.template)
        for output in stack.template.get("Outputs", {}).values():
            assert "Export" not in output


def references(value):
    """Every (stack, output) that a template reads."""
    if isinstance(value, dict):
        if "Fn::GetStackOutput" in value:
            reference = value["Fn::GetStackOutput"]
            yield reference["StackName"], reference["OutputName"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


@pytest.mark.parametrize("environment", ["demo", "prod", "closed", "open"])
def test_what_a_stack_reads_another_gives(stacks, environment):
    every = stacks(environment)
    read = {r for stack in every.values() for r in references(stack.template)}

    given = {
        (f"{environment}-{name}", output)
        for name, stack in every.items()
        for output in stack.template.get("Outputs", {})
    }

    assert read
    assert read <= given


def test_pools_come_and_go_alone(stacks):
    """No other stack reads a pool's output, so a pool can be destroyed first and last."""
    read = {r for stack in stacks("prod").values() for r in references(stack.template)}

    assert not [stack for stack, _ in read if "-pool-" in stack]


def test_only_data_that_is_kept_is_protected(stacks):
    protected = {name for name, stack in stacks("prod").items() if stack.termination_protection}

    assert protected == {"storage"}
    assert not any(stack.termination_protection for stack in stacks("demo").values())


def test_what_can_carry_the_environments_tags_does(stacks):
    tagged = 0
    for stack in stacks("prod").values():
        for resource in stack.template["Resources"].values():
            tags = resource.get("Properties", {}).get("Tags", [])
            if isinstance(tags, list) and tags:
                assert {"Key": "environment", "Value": "prod"} in tags
                tagged += 1
    assert tagged > 50


@pytest.mark.parametrize("account", [None, "111122223333"])
def test_synthesis_asks_no_account_anything(environments, new_app, account):
    config = environments["demo"]
    target = cdk.Environment(account=account, region=config.region)
    app = new_app()
    compose(cdk.Stage(app, "demo", env=target), config)

    assert lookups(app) == []


def lookups(app):
    """What the command line would look up in the account, of all assemblies."""
    manifests = Path(app.synth().directory).rglob("manifest.json")
    return [missing for m in manifests for missing in json.loads(m.read_text()).get("missing", [])]


def test_a_question_to_the_account_would_be_seen(new_app):
    """The zones of an account, which the network's stack does without."""
    app = new_app()
    target = cdk.Environment(account="111122223333", region="us-east-2")
    cdk.aws_ec2.Vpc(cdk.Stack(app, "Stack", env=target), "Vpc")

    assert [lookup["provider"] for lookup in lookups(app)] == ["availability-zones"]
