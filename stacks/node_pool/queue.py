"""The queue in front of a pool: how much it may hold, and who goes first."""

from typing import Any, cast

import aws_cdk as cdk
from aws_cdk import aws_eks_v2 as eks
from constructs import Construct

from stacks.config import NodePoolConfig
from stacks.shared.kubernetes import EFA, GPU, NAMESPACE, NEURON, NEURON_DEVICE_CLASS
from stacks.shared.metrics import environment_name
from workloads.jobs.pool import Pool, config_map_name, described

_API = "kueue.x-k8s.io/v1beta2"


class Queue(Construct):
    """A pool's flavor of nodes, its cluster queue and its local queue, all named after it.

    A job must name no more than the queue: Kueue adds the label of the pool's nodes and the
    toleration of their taint to its pods. What else a job may want to know stands beside it.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        pool: NodePoolConfig,
        cluster: eks.Cluster,
        neuron_allocator: str,
        images: str,
    ) -> None:
        super().__init__(scope, construct_id)

        stack = cdk.Stack.of(self)
        registry = f"{stack.account}.dkr.ecr.{stack.region}.amazonaws.com"
        eks.KubernetesManifest(
            self,
            "Objects",
            # The stubs miss a property of ICluster that Cluster has at run time.
            cluster=cast(eks.ICluster, cluster),
            manifest=[
                *queue_objects(pool, neuron_allocator=neuron_allocator),
                description(
                    pool,
                    neuron_allocator=neuron_allocator,
                    registry=registry,
                    images=images,
                    environment=environment_name(stack),
                ),
            ],
            overwrite=True,  # so that a creation that failed half-way can be repeated
        )


def queue_objects(pool: NodePoolConfig, *, neuron_allocator: str) -> list[dict[str, Any]]:
    """What Kueue knows of a pool, and under DRA the claims that its pods name."""
    metadata = {"name": pool.name}
    quotas = quota(pool)
    objects: list[dict[str, Any]] = [
        {
            "apiVersion": _API,
            "kind": "ResourceFlavor",
            "metadata": metadata,
            "spec": {
                "nodeLabels": {"pool": pool.name},
                "tolerations": [
                    {"key": key, "operator": "Exists", "effect": "NoSchedule"}
                    for key in (NEURON, GPU)
                    if key in quotas
                ],
            },
        },
        {
            "apiVersion": _API,
            "kind": "ClusterQueue",
            "metadata": metadata,
            "spec": {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": NAMESPACE}},
                # Smaller jobs fill what a gang still waits for, and give it back when the rest is
                # free: neither blocks the other. What is preempted resumes from its checkpoint.
                "queueingStrategy": "BestEffortFIFO",
                "preemption": {"withinClusterQueue": "LowerOrNewerEqualPriority"},
                "resourceGroups": [
                    {
                        "coveredResources": list(quotas),
                        "flavors": [
                            {
                                "name": pool.name,
                                "resources": [
                                    {"name": name, "nominalQuota": amount}
                                    for name, amount in quotas.items()
                                ],
                            }
                        ],
                    }
                ],
            },
        },
        {
            "apiVersion": _API,
            "kind": "LocalQueue",
            "metadata": {"name": pool.name, "namespace": NAMESPACE},
            "spec": {"clusterQueue": pool.name},
        },
    ]
    if pool.hardware.neuron and neuron_allocator == "dra":
        objects += [_claim(pool, "device", 1), _claim(pool, "node", pool.hardware.chips)]
    return objects


def description(
    pool: NodePoolConfig, *, neuron_allocator: str, registry: str, images: str, environment: str
) -> dict[str, Any]:
    """What `python -m workloads.submit` reads of the pool.

    `registry` is the account's own, `images` the name of its repository of the workloads' images;
    the alarms of `environment` hear of training runs.
    """
    told = Pool(
        name=pool.name,
        instance_type=pool.instance_type,
        max_nodes=pool.purchase.max_nodes,
        efa=pool.efa,
        lnc=pool.lnc,
        hugepages=pool.hugepages,
        allocator=neuron_allocator,
        registry=registry,
        images=images,
        cloudwatch=environment,
    )
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": config_map_name(pool.name), "namespace": NAMESPACE},
        "data": described(told),
    }


def quota(pool: NodePoolConfig) -> dict[str, str]:
    """Resource -> what the pool's nodes have of it when all are there.

    Devices and interfaces are exact. CPUs and memory are the machines', of which the system keeps
    some: a job that asks for all of them is admitted and its pods stay pending, until Kueue gives
    up on it. NeuronCores are left out, because they are the same devices counted again: a queued
    job asks for devices.
    """
    hardware, nodes = pool.hardware, pool.purchase.max_nodes
    memory = int(hardware.memory_gib * 1024) - 2 * pool.hugepages
    amounts = {"cpu": str(nodes * hardware.vcpus), "memory": f"{nodes * memory}Mi"}
    if pool.hugepages:
        amounts["hugepages-2Mi"] = f"{nodes * 2 * pool.hugepages}Mi"
    devices = hardware.kubernetes_resources(lnc=pool.lnc, efa=pool.efa)
    return amounts | {
        name: str(nodes * devices[name]) for name in (NEURON, GPU, EFA) if name in devices
    }


def _claim(pool: NodePoolConfig, name: str, devices: int) -> dict[str, Any]:
    """A template of claims for so many of a node's devices.

    Counted exactly, because Kueue admits no claim for "all". A claim that also sets the logical
    NeuronCores, or asks for neighbours, is the job's own to bring.
    """
    devices_request = {
        "name": "neurons",
        "exactly": {
            "deviceClassName": NEURON_DEVICE_CLASS,
            "allocationMode": "ExactCount",
            "count": devices,
        },
    }
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceClaimTemplate",
        "metadata": {"name": f"{pool.name}-{name}", "namespace": NAMESPACE},
        "spec": {"spec": {"devices": {"requests": [devices_request]}}},
    }
