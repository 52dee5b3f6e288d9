"""What the cluster autoscaler is told of a node that does not exist yet."""

from stacks.config import NodePoolConfig
from stacks.node_pool.network_interfaces import max_pods
from stacks.shared.kubernetes import NEURON

# kubernetes/autoscaler, cloudprovider/aws/aws_manager.go: eks:DescribeNodegroup gives it a group's
# labels, taints, and tags of this form. The group's tags go no further (EKS tags the Auto Scaling
# group itself, for discovery), so options of the autoscaler cannot be set here.
_RESOURCES = "k8s.io/cluster-autoscaler/node-template/resources/"


def autoscaler_tags(
    pool: NodePoolConfig, *, neuron_allocator: str, root_volume_gib: int
) -> dict[str, str]:
    """Resource -> quantity of one node, beyond the CPUs, memory and GPUs that EC2's API tells.

    Without them a pool at zero stays there: no pod that asks for a device fits a node without
    any. Under DRA devices are no resources of a node; claims are matched against ResourceSlices,
    which only a running node has.
    """
    hardware = pool.hardware
    resources = {
        name: str(count)
        for name, count in hardware.kubernetes_resources(lnc=pool.lnc, efa=pool.efa).items()
        if neuron_allocator == "device-plugin" or not name.startswith(NEURON)
    }
    resources["pods"] = str(max_pods(pool))
    gb, gib = hardware.local_nvme_gb, root_volume_gib
    resources["ephemeral-storage"] = f"{_usable(gb)}G" if gb else f"{_usable(gib)}Gi"
    if pool.hugepages:
        reserved = 2 * pool.hugepages
        resources["hugepages-2Mi"] = f"{reserved}Mi"
        resources["memory"] = f"{int(hardware.memory_gib * 1024) - reserved}Mi"
    return {f"{_RESOURCES}{name}": quantity for name, quantity in resources.items()}


def _usable(size: int) -> int:
    """The part of a disk that pods get: nodeadm has the kubelet keep 10 % and 1 GiB of it free,
    and the file system needs its share.
    """
    return size * 85 // 100
