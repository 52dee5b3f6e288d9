"""From today's versions to the next: the same resources, changed in place, none replaced."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import aws_cdk as cdk
import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

from app import compose

ROOT = Path(__file__).parents[1]
# The CDK's name for a function's version is a hash of what is in it: a new one beside the old.
NEW_BY_DESIGN = {"AWS::Lambda::LayerVersion", "AWS::Lambda::Version"}


@pytest.fixture(scope="module")
def prod_with(environments, new_app):
    """Synthesise prod with another Kubernetes version; templates by stack."""

    def templates(version):
        prod = environments["prod"]
        cluster = prod.cluster.model_copy(update={"kubernetes_version": version})
        target = cdk.Environment(account="111122223333", region=prod.region)
        stage = cdk.Stage(new_app(), "prod", env=target)
        compose(stage, prod.model_copy(update={"cluster": cluster}))
        return {stack.stack_name: stack.template for stack in stage.synth().stacks}

    return templates


def changes(before, after):
    """Stack, logical ID, type and names of the properties of each resource that differs."""
    assert before.keys() == after.keys()
    for stack in sorted(before):
        old, new = (templates[stack]["Resources"] for templates in (before, after))
        for logical_id in sorted(old.keys() | new.keys()):
            here, there = old.get(logical_id), new.get(logical_id)
            if here is None or there is None:
                kind = (here or there)["Type"]
                assert kind in NEW_BY_DESIGN, f"{stack}/{logical_id} comes or goes"
                continue
            assert here["Type"] == there["Type"]
            values = here.get("Properties", {}), there.get("Properties", {})
            names = {
                name
                for name in values[0].keys() | values[1].keys()
                if values[0].get(name) != values[1].get(name)
            }
            if names:
                yield stack, logical_id, here["Type"], names


def assert_in_place(changed):
    """Nothing changes that CloudFormation would make the resource anew for."""
    for stack, logical_id, kind, names in changed:
        if kind.startswith(("Custom::", "AWS::CloudFormation::CustomResource")):
            continue
        schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema
        fixed = {path.split("/")[2] for path in schema.get("createOnlyProperties", [])}
        assert not names & fixed, f"{stack}/{logical_id} ({kind}) is replaced for {names & fixed}"


@pytest.mark.parametrize(("today", "later"), [("1.34", "1.35"), ("1.35", "1.36")])
def test_a_newer_kubernetes_changes_the_cluster_and_its_nodes_in_place(prod_with, today, later):
    changed = list(changes(prod_with(today), prod_with(later)))

    assert_in_place(changed)
    kinds = {kind: names for _, _, kind, names in changed}
    assert kinds["AWS::EKS::Cluster"] == {"Version"}
    assert kinds["AWS::EKS::Nodegroup"] >= {"ReleaseVersion", "Version"}
    assert {stack for stack, *_ in changed} >= {
        "prod-cluster",
        "prod-pool-trn1",
        "prod-pool-inf2",
        "prod-pool-epyc",
    }


@pytest.fixture(scope="module")
def next_set(tmp_path_factory):
    """Prod's templates by a copy of the repository whose versions.toml has a newer node image."""
    folder = tmp_path_factory.mktemp("next")
    shutil.copy(ROOT / "app.py", folder)
    for name in ("stacks", "workloads", "operations"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    versions = folder / "workloads" / "versions.toml"
    text = versions.read_text()
    assert '"1.35.6-20260714"' in text
    versions.write_text(text.replace('"1.35.6-20260714"', '"1.35.9-20261118"'))
    (folder / "environments").mkdir()
    shutil.copy(ROOT / "stacks" / "environments" / "prod.toml", folder / "environments")
    context = json.loads((ROOT / "cdk.json").read_text())["context"] | {
        "environments": "environments",
        "aws:cdk:disable-asset-staging": True,
    }
    settings = {
        "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "20",
        "PYTHONPATH": str(folder),
        "CDK_OUTDIR": "cdk.out",
        "CDK_CONTEXT_JSON": json.dumps(context),
        "CDK_DEFAULT_ACCOUNT": "111122223333",
        "CDK_VALIDATION": "false",
    }
    subprocess.run([sys.executable, "app.py"], cwd=folder, env=os.environ | settings, check=True)
    return {
        path.name.removesuffix(".template.json"): json.loads(path.read_text())
        for path in (folder / "cdk.out").rglob("*.template.json")
    }


def test_the_next_node_image_rolls_the_nodes_that_follow_it_and_nothing_else(stage, next_set):
    today = {
        Path(artifact.template_file).name.removesuffix(".template.json"): artifact.template
        for artifact in stage("prod").synth().stacks
    }

    changed = list(changes(today, next_set))

    assert_in_place(changed)
    assert {(kind, *names) for _, _, kind, names in changed} == {
        ("AWS::EKS::Nodegroup", "ReleaseVersion")
    }
    assert not any("trn1" in stack or "inf2" in stack for stack, *_ in changed), "they are frozen"
