import email
import os
import subprocess
from pathlib import Path

import pytest
import yaml

from stacks.config.types import refused
from stacks.node_pool.user_data import user_data
from workloads.hardware import INSTANCES

RENDERED = Path(__file__).parent / "rendered"
LNC1 = {"lnc": 1}
ONLY = {"efa_layout": "efa-only"}

# Golden text -> a pool that boots with it. EFA is on by default, as the pool has two nodes.
GOLDEN = {
    "disks": ("trn1.2xlarge", {}, "device-plugin"),
    "efa": ("hpc7a.96xlarge", {}, "device-plugin"),
    "efa_disks": ("trn1.32xlarge", {}, "device-plugin"),
    "efa_only_disks": ("trn1.32xlarge", ONLY, "device-plugin"),
    "efa_hugepages": ("m8a.48xlarge", {"hugepages": 5128}, "device-plugin"),
    "lnc_2": ("trn2.48xlarge", {}, "device-plugin"),
    "lnc_1": ("trn2.48xlarge", LNC1, "device-plugin"),
    "lnc_by_claim": ("trn2.48xlarge", LNC1, "dra"),
    "everything": ("trn2.48xlarge", LNC1 | ONLY | {"hugepages": 5128}, "device-plugin"),
}
every_kind = pytest.mark.parametrize("name", GOLDEN)


@pytest.fixture
def rendered(pool_of):
    """Give the user data of a golden pool."""

    def of(name):
        instance_type, settings, allocator = GOLDEN[name]
        return user_data(pool_of(instance_type, **settings), neuron_allocator=allocator)

    return of


def parts(text):
    """Content type -> text of a MIME message."""
    message = email.message_from_string(text)
    assert not message.defects
    return {part.get_content_type(): part.get_payload() for part in message.get_payload()}


def drop_ins(script):
    """The NodeConfigs that a boot script writes for nodeadm."""
    pieces = script.split("cat > /etc/eks/nodeadm.d/")[1:]
    return [piece.partition("<<'END'\n")[2].partition("END\n")[0] for piece in pieces]


@every_kind
def test_each_kind_of_pool_boots_with_its_golden_text(rendered, name):
    assert rendered(name) == (RENDERED / f"{name}.mime").read_text()


def test_no_golden_text_is_left_over():
    assert {path.stem for path in RENDERED.iterdir()} == set(GOLDEN)


@pytest.mark.parametrize("instance_type", ["inf2.48xlarge", "m7a.xlarge"])
def test_a_node_without_disks_and_efa_needs_nothing_said(pool_of, instance_type):
    assert user_data(pool_of(instance_type), neuron_allocator="device-plugin") is None


@every_kind
def test_the_script_is_bash(rendered, name):
    script = parts(rendered(name)).get("text/x-shellscript", "#!/bin/bash\n")

    assert script.startswith("#!/bin/bash\n")
    checked = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True)
    assert (checked.returncode, checked.stderr) == (0, "")


@every_kind
def test_nothing_is_fetched_or_installed(rendered, name):
    for word in ("curl", "wget", "dnf", "yum", "rpm", "pip", "http"):
        assert word not in rendered(name)


TYPES = {name: i for name, i in INSTANCES.items() if not refused(name)}
EVERY = [(name, {"efa": False}) for name in TYPES] + [
    (name, {"efa_layout": layout})
    for name, hardware in TYPES.items()
    for layout in ("efa", "efa-only")
    if hardware.efa_interfaces
]


@pytest.mark.parametrize(("instance_type", "settings"), EVERY)
def test_every_node_config_is_a_partial_one(pool_of, instance_type, settings):
    """Cluster, endpoint and authority are the node group's to say, as the image is EKS's."""
    text = user_data(pool_of(instance_type, **settings), neuron_allocator="device-plugin")

    message = parts(text) if text else {}
    assert set(message) <= {"application/node.eks.aws", "text/x-shellscript"}
    configs = [message[kind] for kind in message if kind.startswith("application")]
    configs += drop_ins(message.get("text/x-shellscript", ""))
    for config in map(yaml.safe_load, configs):
        assert (config["apiVersion"], config["kind"]) == ("node.eks.aws/v1alpha1", "NodeConfig")
        assert set(config["spec"]) <= {"instance", "kubelet"}
    assert ("application/node.eks.aws" in message) == bool(INSTANCES[instance_type].local_nvme_gb)


@pytest.fixture
def booted(rendered, tmp_path):
    """Run a golden pool's script below a folder; give the folder and the commands it called."""

    def of(name):
        script = parts(rendered(name))["text/x-shellscript"]
        for folder in ("/etc/", "/opt/", "/proc/"):
            script = script.replace(f" {folder}", f" {tmp_path}{folder}")
        script = script.replace("/usr/lib/systemd/systemd-sysctl", "systemd_sysctl")
        for folder in ("etc/sysctl.d", "proc/sys/net/ipv4"):
            (tmp_path / folder).mkdir(parents=True)
        # As on an EKS node: awslabs/amazon-eks-ami, 67-eks-reserved-ports.conf.
        ports = tmp_path / "proc/sys/net/ipv4/ip_local_reserved_ports"
        ports.write_text("2703,9808-9809\n")
        fakes = """
            systemctl() { echo "systemctl $*" >> "$ROOT/calls"; }
            systemd_sysctl() { echo "sysctl $(<"$1")" >> "$ROOT/calls"; }
        """
        environment = {"PATH": os.environ["PATH"], "ROOT": str(tmp_path)}
        subprocess.run(["bash", "-c", fakes + script], env=environment, check=True)
        calls = tmp_path / "calls"
        return tmp_path, calls.read_text().splitlines() if calls.exists() else []

    return of


@pytest.mark.parametrize(("name", "setting"), [("lnc_1", 1), ("lnc_2", 2), ("everything", 1)])
def test_the_device_plugin_finds_the_logical_cores_where_neuron_documents_it(booted, name, setting):
    root, _ = booted(name)

    written = (root / "opt/aws/neuron/logical_nc_config").read_text()

    assert written == f"NEURON_LOGICAL_NC_CONFIG={setting}\n"


def test_under_dra_a_claim_says_the_logical_cores(booted):
    root, _ = booted("lnc_by_claim")

    assert not (root / "opt").exists()


def test_pods_that_card_0_has_no_address_for_are_not_admitted(booted):
    root, _ = booted("everything")

    config = yaml.safe_load((root / "etc/eks/nodeadm.d/90-pods.yaml").read_text())

    assert config["spec"] == {"kubelet": {"config": {"maxPods": 51}}}


def test_huge_pages_are_there_now_and_after_another_boot(booted):
    root, calls = booted("efa_hugepages")

    assert (root / "etc/sysctl.d/90-hugepages.conf").read_text() == "vm.nr_hugepages = 5128\n"
    assert "sysctl vm.nr_hugepages = 5128" in calls


def test_a_port_is_reserved_beside_those_of_the_image(booted):
    root, calls = booted("efa")
    reserved = "net.ipv4.ip_local_reserved_ports = 2703,9808-9809,41000"

    assert (root / "etc/sysctl.d/90-rendezvous.conf").read_text() == f"{reserved}\n"
    assert f"sysctl {reserved}" in calls


def test_containers_may_pin_memory_once_containerd_is_started(booted):
    root, calls = booted("efa")

    drop_in = root / "etc/systemd/system/containerd.service.d/90-memlock.conf"
    assert drop_in.read_text() == "[Service]\nLimitMEMLOCK=infinity\n"
    assert "systemctl daemon-reload" in calls
