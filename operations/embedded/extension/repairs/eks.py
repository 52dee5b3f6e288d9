"""EKS clusters: the key that encrypts Kubernetes secrets."""

from typing import Any

from operations.embedded.extension.handler import Call, Properties


def cluster(call: Call, id: str, old: Properties, new: Properties) -> dict[str, Any]:
    """Set the encryption of a new cluster; changing it makes another one."""
    if not old and "EncryptionConfig" in new:
        where = {"clusterName": id}
        call(
            "eks",
            "AssociateEncryptionConfig",
            where | {"EncryptionConfig": new["EncryptionConfig"]},
        )
    return {}


REPAIRS = {"AWS::EKS::Cluster": cluster}
