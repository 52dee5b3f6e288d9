"""What nodeadm is told at boot, beyond what EKS tells it itself."""

from workloads.hardware import Instance

# A managed node group merges its own part into this MIME message, so the cluster is not named.
_NODE_CONFIG = """\
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="BOUNDARY"

--BOUNDARY
Content-Type: application/node.eks.aws

---
apiVersion: node.eks.aws/v1alpha1
kind: NodeConfig
spec:
  instance:
    localStorage:
      strategy: RAID0

--BOUNDARY--
"""


def node_config(hardware: Instance) -> str | None:
    """The user data of a node, or None where EKS's own is enough.

    Local NVMe disks become one array under containerd and the kubelet, so that images of 10-20 GB
    and scratch space do not wait for the root volume.
    """
    return _NODE_CONFIG if hardware.local_nvme_gb else None
