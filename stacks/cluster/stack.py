"""The control plane, what runs on every node, and who may enter."""

from collections.abc import Sequence
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_eks_v2 as eks
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stacks.cluster.charts.monitor import watched
from stacks.cluster.device_metrics import DeviceMetrics
from stacks.cluster.kubectl import Kubectl
from stacks.cluster.platform import Platform, own_registry, releases
from stacks.cluster.system_nodes import SystemNodes
from stacks.cluster.workload_access import WorkloadAccess
from stacks.config import ClusterConfig, NodePoolConfig
from stacks.shared.acknowledge import acknowledge
from stacks.shared.metrics import pools_namespace, training_namespace
from workloads.versions import VERSIONS

# Needed by a node before it can be ready, and by a pod before it has credentials.
_NODE_ADDONS = ("vpc-cni", "kube-proxy", "eks-pod-identity-agent")
# Pods of their own, which wait for a node: names, and what tells auto repair of a broken chip.
_POD_ADDONS = ("coredns", "eks-node-monitoring-agent")


class ClusterStack(cdk.Stack):
    """An EKS cluster without Auto Mode: pools bring their own nodes.

    Auto Mode cannot give a node its EFA interfaces, its placement group or its Neuron driver.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: ClusterConfig,
        pools: Sequence[NodePoolConfig],
        way_out: bool,
        vpc: ec2.IVpc,
        buckets: Sequence[s3.IBucket],
        **kwargs: Any,
    ) -> None:
        super().__init__(scope, construct_id, **kwargs)

        private = config.endpoint == "private"
        kubectl = Kubectl(self, "Kubectl", vpc=vpc)
        self.cluster = eks.Cluster(
            self,
            "Cluster",
            version=eks.KubernetesVersion.of(config.kubernetes_version),
            vpc=vpc,
            vpc_subnets=[ec2.SubnetSelection()],  # the private ones
            # Said because the default is Auto Mode; nodes come below.
            default_capacity_type=eks.DefaultCapacityType.NODEGROUP,
            default_capacity=0,
            kubectl_provider_options=kubectl.options,
            prune=False,  # kubectl prunes kinds of its own only; each object here has its name
            bootstrap_self_managed_addons=False,
            bootstrap_cluster_creator_admin_permissions=False,
            endpoint_access=(
                eks.EndpointAccess.PRIVATE if private else eks.EndpointAccess.PUBLIC_AND_PRIVATE
            ),
            cluster_logging=list(eks.ClusterLoggingTypes),
            secrets_encryption_key=kms.Key(
                self,
                "SecretsKey",
                description="Kubernetes secrets",
                enable_key_rotation=True,
                removal_policy=cdk.RemovalPolicy.DESTROY,
            ),
        )
        self._admit(config.admins)
        nodes = SystemNodes(
            self,
            "SystemNodes",
            cluster=self.cluster,
            kubernetes_version=config.kubernetes_version,
        )
        pod_addons = self._install_addons(nodes)
        WorkloadAccess(
            self,
            "WorkloadAccess",
            cluster_name=self.cluster.cluster_name,
            buckets=buckets,
            training=training_namespace(self),
        )
        ready = [kubectl, nodes, *pod_addons]
        if watched(pools):
            devices = DeviceMetrics(
                self,
                "DeviceMetrics",
                cluster_name=self.cluster.cluster_name,
                metrics=pools_namespace(self),
            )
            ready.append(devices)
        installed = releases(
            config, pools, cluster_name=self.cluster.cluster_name, region=self.region
        )
        registry = None if way_out else own_registry(self)
        kubectl.admit(self.cluster, [VERSIONS.charts[r.chart] for r in installed], registry)
        Platform(
            self,
            "Platform",
            cluster=self.cluster,
            config=config,
            releases=installed,
            registry=registry,
            ready=ready,
        )
        cdk.CfnOutput(self, "ClusterName", value=self.cluster.cluster_name)
        self._acknowledge(private=private)

    def _admit(self, admins: Sequence[str]) -> None:
        """Make each IAM role a cluster administrator; there is no other way in."""
        policy = eks.AccessPolicy.from_access_policy_name(
            "AmazonEKSClusterAdminPolicy", access_scope_type=eks.AccessScopeType.CLUSTER
        )
        for role in admins:
            name = role.rpartition("/")[2]
            self.cluster.grant_access(f"Admin-{name}", role, [policy])

    def _install_addons(self, system_nodes: SystemNodes) -> list[eks.CfnAddon]:
        """Add EKS's own add-ons, each in the version EKS defaults to; the pods' are returned.

        Pods that no node takes leave their add-on degraded, and its creation waiting, so those
        come after the system nodes. The node add-ons must not: nodes wait for them.
        """
        pod_addons = []
        for name in (*_NODE_ADDONS, *_POD_ADDONS):
            addon = eks.CfnAddon(
                self,
                f"Addon-{name}",
                addon_name=name,
                cluster_name=self.cluster.cluster_name,
                resolve_conflicts="OVERWRITE",
            )
            if name in _NODE_ADDONS:
                system_nodes.node.add_dependency(addon)
            else:
                addon.node.add_dependency(system_nodes)
                pod_addons.append(addon)
        return pod_addons

    def _acknowledge(self, *, private: bool) -> None:
        reasons = {
            "AwsSolutions-IAM4": "EKS requires its managed policy of a cluster's role.",
            # Said of subnets without a way out.
            "@aws-cdk/aws-eks:isolatedSubnetsForKubectlPrivateSubnets": "The network has an "
            "endpoint for each service that nodes and pods call.",
        }
        if not private:
            reasons["AwsSolutions-EKS1"] = (
                "The environment file asks for a public endpoint; IAM guards it."
            )
        acknowledge(self.cluster, reasons)
