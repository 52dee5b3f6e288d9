"""What a node is told at boot, beyond what EKS tells it itself.

A managed node group appends its own NodeConfig to this MIME message, so the cluster is not named.
Scripts run in cloud-init's last stage, which nodeadm waits for before it starts containerd and the
kubelet (awslabs/amazon-eks-ami, templates/al2023: nodeadm-run.service). They run once; what they
write is read again at every boot. Nothing is installed: the image has its drivers, and a private
network has no way to others.
"""

from stacks.config import NodePoolConfig
from stacks.node_pool.network_interfaces import loses_pods, max_pods

# Local NVMe disks become one array under containerd and the kubelet, so that images of 10-20 GB
# and scratch space do not wait for the root volume.
_LOCAL_DISKS = """\
---
apiVersion: node.eks.aws/v1alpha1
kind: NodeConfig
spec:
  instance:
    localStorage:
      strategy: RAID0
"""

# EFA pins the memory it sends from. containerd hands its own limit on that to containers, 8 MiB
# under systemd (NVIDIA/nvidia-container-toolkit #2037); the image's base runtime spec does not
# name it (nodeadm/internal/containerd), and a pod cannot.
_MEMLOCK = """\
[Service]
LimitMEMLOCK=infinity
"""

# For a file in /etc/eks/nodeadm.d, which outranks user data (nodeadm/doc/examples.md). In user
# data, EKS's NodeConfig comes last, and brings the number of the instance type (eksctl #8037).
_PODS = """\
apiVersion: node.eks.aws/v1alpha1
kind: NodeConfig
spec:
  kubelet:
    config:
      maxPods: {}
"""

_SYSCTL = "/usr/lib/systemd/systemd-sysctl"  # sets what a file says; part of every image

# The rendezvous of AWS's Neuron training samples lies among the ports that connections take at
# random. For jobs on the node's network; other pods have ports of their own, all free.
_RENDEZVOUS_PORT = 41000
_RESERVE_PORT = f"""\
ports=$(< /proc/sys/net/ipv4/ip_local_reserved_ports)  # the image keeps some for add-ons
ports="${{ports:+$ports,}}{_RENDEZVOUS_PORT}"
echo "net.ipv4.ip_local_reserved_ports = $ports" > /etc/sysctl.d/90-rendezvous.conf
{_SYSCTL} /etc/sysctl.d/90-rendezvous.conf
"""


def user_data(pool: NodePoolConfig, *, neuron_allocator: str) -> str | None:
    """The user data of a pool's nodes as MIME, or None where EKS's own is enough."""
    parts = []
    if pool.hardware.local_nvme_gb:
        parts.append(("application/node.eks.aws", _LOCAL_DISKS))
    if steps := list(_steps(pool, neuron_allocator)):
        script = "\n".join(["#!/bin/bash\nset -o errexit -o nounset\n", *steps])
        parts.append(('text/x-shellscript; charset="us-ascii"', script))
    return _mime(parts) if parts else None


def _steps(pool: NodePoolConfig, neuron_allocator: str) -> list[str]:
    """The commands of the boot script, each for one need."""
    steps = []
    if pool.lnc and neuron_allocator == "device-plugin":  # under DRA, a claim says it
        # Neuron documentation, deploy/eks/prerequisites.rst.
        setting = f"NEURON_LOGICAL_NC_CONFIG={pool.lnc}\n"
        steps.append(_write("/opt/aws/neuron/logical_nc_config", setting))
    if pool.hugepages:
        # The kubelet counts them once, when it starts.
        steps.append(
            _write("/etc/sysctl.d/90-hugepages.conf", f"vm.nr_hugepages = {pool.hugepages}\n")
        )
        steps.append(f"{_SYSCTL} /etc/sysctl.d/90-hugepages.conf\n")
    if pool.efa:
        steps.append(_write("/etc/systemd/system/containerd.service.d/90-memlock.conf", _MEMLOCK))
        steps.append("systemctl daemon-reload\n")
        steps.append(_RESERVE_PORT)
    if loses_pods(pool):
        steps.append(_write("/etc/eks/nodeadm.d/90-pods.yaml", _PODS.format(max_pods(pool))))
    return steps


def _write(path: str, text: str) -> str:
    folder = path.rpartition("/")[0]
    return f"mkdir -p {folder}\ncat > {path} <<'END'\n{text}END\n"


def _mime(parts: list[tuple[str, str]]) -> str:
    head = 'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="BOUNDARY"\n\n'
    body = "".join(f"--BOUNDARY\nContent-Type: {kind}\n\n{text}\n" for kind, text in parts)
    return f"{head}{body}--BOUNDARY--\n"
