"""A family that does not exist, added as a real one would be: by rows of data and nothing else.

The repository is copied, three data files get their rows, and the copy's own commands read them.
"""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import tomli_w

ROOT = Path(__file__).parent.parent
NAME = "trn9.96xlarge"
CARDS, SLOTS, CHIPS, CORES, LNC = 6, 3, 24, 12, 2

# As `python -m operations.catalog --family trn9` would write it.
TYPE = {
    "vcpus": 384,
    "cores": 192,
    "memory_gib": 4096,
    "chip": "Trainium9",
    "chips": CHIPS,
    "local_nvme_gb": 9000,
    "efa_interfaces": CARDS,
    "ipv4_per_interface": 50,
    "network_cards": [[index, SLOTS, True] for index in range(CARDS)],
    "usage_classes": ["on-demand", "spot"],
    "zones": {"us-east-2": ["use2-az1"]},
}
CHIP = {
    "maker": "aws",
    "compiler_target": "trn9",
    "cores": CORES,
    "lnc": LNC,
    "hbm_gib": 300,
    "bf16_tflops": 9000,
    "source": "invented",
}
ENVIRONMENT = f"""
region = "us-east-2"
[network]
zones = ["use2-az1", "use2-az2"]
[[pools]]
name = "new"
instance_type = "{NAME}"
zone = "use2-az1"
max_nodes = 4
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """The repository with the family in it, and one environment with a pool of it."""
    folder = tmp_path_factory.mktemp("copy")
    for name in ("app.py", "cdk.json"):
        shutil.copy(ROOT / name, folder)
    for name in ("stacks", "workloads", "operations"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    hardware = folder / "workloads" / "hardware.json"
    hardware.write_text(json.dumps(json.loads(hardware.read_text()) | {NAME: TYPE}))
    _append(folder / "workloads" / "hardware.toml", {"chips": {"Trainium9": CHIP}})
    versions = folder / "workloads" / "versions.toml"
    rows = tomllib.loads(versions.read_text())["neuron"]
    [like] = [row for row in rows if "trn2" in row["families"]]
    _append(versions, {"neuron": [like | {"families": ["trn9"]}]})
    (folder / "environments").mkdir()
    (folder / "environments" / "test.toml").write_text(ENVIRONMENT)
    return folder


def _append(path, table):
    path.write_text(f"{path.read_text()}\n{tomli_w.dumps(table)}")


def run(folder, *command, **environment):
    silence = {"JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "20", "PYTHONPATH": str(folder)}
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=os.environ | silence | environment,
        capture_output=True,
        text=True,
    )


def test_the_configuration_takes_it_and_its_rules_know_it(copy):
    accepted = run(copy, "-m", "stacks", "environments")
    assert (accepted.returncode, accepted.stdout) == (0, "test\n"), accepted.stderr

    wrong = copy / "wrong"
    wrong.mkdir()
    (wrong / "test.toml").write_text(
        ENVIRONMENT + '[pools.capacity]\nkind = "capacity-block"\nreservation = "cr-01234567"\n'
    )
    refused = run(copy, "-m", "stacks", "wrong")
    assert refused.returncode == 2
    assert f"AWS does not sell {NAME} that way; choose one of on-demand, spot" in refused.stderr


def test_the_template_follows_the_table_and_the_checker_finds_nothing(copy):
    context = {
        "environments": "environments",
        **json.loads((ROOT / "cdk.json").read_text())["context"],
    }
    built = run(copy, "app.py", CDK_OUTDIR="cdk.out", CDK_CONTEXT_JSON=json.dumps(context))
    assert built.returncode == 0, built.stderr
    [path] = (copy / "cdk.out").rglob("*poolnew*.template.json")
    resources = json.loads(path.read_text())["Resources"].values()
    [template] = [r["Properties"] for r in resources if r["Type"] == "AWS::EC2::LaunchTemplate"]
    [group] = [r["Properties"] for r in resources if r["Type"] == "AWS::EKS::Nodegroup"]

    interfaces = template["LaunchTemplateData"]["NetworkInterfaces"]
    assert [(i["NetworkCardIndex"], i["DeviceIndex"], i["InterfaceType"]) for i in interfaces] == [
        (card, min(card, 1), "efa") for card in range(CARDS)
    ]
    assert group["AmiType"] == "AL2023_x86_64_NEURON"
    assert group["ReleaseVersion"].startswith("1.35.")
    assert [taint["Key"] for taint in group["Taints"]] == ["aws.amazon.com/neuron"]

    checked = run(copy, "-m", "operations.checker", "cdk.out")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_versions_and_the_resources_of_its_nodes_follow(copy):
    program = f"""
import json
from workloads.hardware import INSTANCES
from workloads.versions import VERSIONS
new = INSTANCES["{NAME}"]
print(json.dumps([
    new.kubernetes_resources(efa=True),
    new.quota.on_demand,
    VERSIONS.node_image("1.35", new) == VERSIONS.node_image("1.35", INSTANCES["trn2.48xlarge"]),
    VERSIONS.conflicts(),
]))
"""
    answered = run(copy, "-c", program)

    assert json.loads(answered.stdout or answered.stderr) == [
        {
            "aws.amazon.com/neuron": CHIPS,
            "aws.amazon.com/neuroncore": CHIPS * CORES // LNC,
            "vpc.amazonaws.com/efa": CARDS,
        },
        "L-2C3B7624",
        True,
        [],
    ]
