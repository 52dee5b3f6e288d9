"""The key by which the pods of one job reach each other, as a Secret that goes with the job.

nccom-test starts its processes on other nodes by ssh, and takes no other way.
"""

import base64
from collections.abc import Mapping
from typing import Any

from workloads.jobs.job import Job
from workloads.jobs.kubernetes import NAMESPACE


def secret_for(job: Job, owner: Mapping[str, Any]) -> dict[str, Any]:
    """A fresh key pair, `id` and `id.pub` in OpenSSH's format. It is known nowhere else.

    `owner` is the job as the cluster has it: the Secret is deleted with it.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    files = {"id": private, "id.pub": public + b"\n"}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": job.secret,
            "namespace": NAMESPACE,
            "labels": {"job": job.name},
            "ownerReferences": [
                {key: owner[key] for key in ("apiVersion", "kind")}
                | {key: owner["metadata"][key] for key in ("name", "uid")}
            ],
        },
        "type": "Opaque",
        "immutable": True,
        "data": {name: base64.b64encode(data).decode() for name, data in files.items()},
    }
