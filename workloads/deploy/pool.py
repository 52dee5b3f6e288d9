"""A model onto a pool of the cluster: everything that must be there is asked for first."""

import hashlib
from dataclasses import dataclass

from workloads.artefacts.index import INDEX
from workloads.artefacts.key import serving_key
from workloads.artefacts.model import read_model
from workloads.artefacts.store import read_index, require
from workloads.artefacts.toolchain import toolchain
from workloads.command import InputError, progress
from workloads.deploy.manifests import Deployment, Source, devices
from workloads.deploy.package import MANIFEST, read_package
from workloads.deploy.serving import server
from workloads.files import open_folder
from workloads.jobs.pool import Pool
from workloads.versions import mirrored


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What the user asks for; the shapes are those that were compiled."""

    name: str
    model: str  # s3://, published
    cache: str  # s3://, of compiled artefacts
    tensor_parallel: int | None
    batch: int
    sequence_length: int | None
    dtype: str | None
    region: str
    replicas: int
    most_replicas: int | None
    clients: str | None


def plan(wish: Wish, pool: Pool) -> Deployment:
    """The deployment. InputError: it does not fit the pool; StageError: it is not compiled yet.

    Nothing is rendered, and no node bought, for a model that its server would first compile.
    """
    for uri in (wish.model, wish.cache):
        if not uri.startswith("s3://"):
            raise InputError(f"{uri} is no s3:// URI, which is where the pods fetch it from")
    if wish.most_replicas is not None and wish.most_replicas <= wish.replicas:
        raise InputError(f"--max-replicas {wish.most_replicas} is not above {wish.replicas}")
    folder = open_folder(wish.model)
    package = read_package(folder)
    tools = toolchain(pool.instance_type, "serve")
    key = serving_key(
        tools,
        pool.instance_type,
        read_model(folder, progress),
        tensor_parallel=wish.tensor_parallel,
        batch=wish.batch,
        sequence_length=wish.sequence_length,
        dtype=wish.dtype,
        lnc=pool.lnc,
    )
    devices(key.tensor_parallel, pool)
    cache = open_folder(wish.cache)
    require(cache, [key])
    index = read_index(cache, key)
    assert index is not None
    return Deployment(
        name=wish.name,
        server=server(wish.name, key, mirrored(tools.image, pool.registry)),
        tensor_parallel=key.tensor_parallel,
        model=Source(uri=folder.uri, manifest=MANIFEST, sha256=package.sha256, bytes=package.bytes),
        compiled=Source(
            uri=f"{cache.uri}/{key.name}",
            manifest=INDEX,
            sha256=hashlib.sha256(index.to_json()).hexdigest(),
            bytes=index.size,
        ),
        region=wish.region,
        replicas=wish.replicas,
        most_replicas=wish.most_replicas,
        clients=wish.clients,
    )
