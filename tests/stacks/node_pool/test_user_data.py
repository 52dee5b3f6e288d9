import email
import subprocess
from pathlib import Path

import pytest
import yaml

from stacks.config_types import refused
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


def files(script):
    """Path -> text of the files that a boot script writes."""
    written = {}
    for piece in script.split("cat > ")[1:]:
        path, rest = piece.split(" <<'END'\n", 1)
        written[path] = rest.split("END\n", 1)[0]
    return written


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
    written = files(message.get("text/x-shellscript", ""))
    configs += [text for path, text in written.items() if path.startswith("/etc/eks/nodeadm.d/")]
    for config in map(yaml.safe_load, configs):
        assert (config["apiVersion"], config["kind"]) == ("node.eks.aws/v1alpha1", "NodeConfig")
        assert set(config["spec"]) <= {"instance", "kubelet"}
    assert ("application/node.eks.aws" in message) == bool(INSTANCES[instance_type].local_nvme_gb)


@pytest.mark.parametrize(("name", "setting"), [("lnc_1", 1), ("lnc_2", 2), ("everything", 1)])
def test_the_device_plugin_finds_the_logical_cores_where_neuron_documents_it(
    rendered, name, setting
):
    written = files(parts(rendered(name))["text/x-shellscript"])

    assert written["/opt/aws/neuron/logical_nc_config"] == f"NEURON_LOGICAL_NC_CONFIG={setting}\n"


def test_under_dra_a_claim_says_the_logical_cores(rendered):
    assert "logical_nc_config" not in rendered("lnc_by_claim")


def test_pods_that_card_0_has_no_address_for_are_not_admitted(rendered):
    written = files(parts(rendered("everything"))["text/x-shellscript"])

    config = yaml.safe_load(written["/etc/eks/nodeadm.d/90-pods.yaml"])

    assert config["spec"] == {"kubelet": {"config": {"maxPods": 51}}}


def test_a_port_is_reserved_beside_those_of_the_image(rendered, tmp_path):
    """The lines as bash runs them, with a sysctl that answers as an EKS node does."""
    script = parts(rendered("efa"))["text/x-shellscript"]
    lines = script[script.index("ports=") :].replace("/etc/sysctl.d/", f"{tmp_path}/")
    fake = "sysctl() { [[ $1 == --values ]] && echo 2703,9808-9809 || true; }\n"

    subprocess.run(["bash", "-euc", fake + lines], check=True)

    [written] = tmp_path.iterdir()
    assert written.read_text() == "net.ipv4.ip_local_reserved_ports = 2703,9808-9809,41000\n"
