"""The whole deployment, composed: each environment file becomes one stage of stacks.

cdk ls                             every stack of every environment
cdk deploy 'dev/*'                 one environment
cdk deploy prod/pool-trn1          one stack
cdk synth -c environments=FOLDER   the environment files of another folder
"""

import os
import sys
from pathlib import Path

import aws_cdk as cdk

from stacks.cluster import ClusterStack
from stacks.config import ENVIRONMENTS, ConfigError, EnvironmentConfig, load_environments
from stacks.endpoint import EndpointStack
from stacks.gateway import GatewayStack
from stacks.network import NetworkStack
from stacks.node_pool import NodePoolStack
from stacks.observability import ObservabilityStack
from stacks.storage import StorageStack


def compose(stage: cdk.Stage, config: EnvironmentConfig) -> None:
    """Create one environment's stacks and hand each what it needs of the others."""
    network = NetworkStack(stage, "network", config=config.network)
    storage = StorageStack(
        stage,
        "storage",
        config=config.storage,
        vpc=network.vpc,
        vpc_cidr=config.network.cidr,
        # Beside the nodes that train.
        lustre_subnet=network.private_subnets[
            next((pool.zone for pool in config.pools if pool.efa), config.network.zones[0])
        ],
    )
    control_plane = ClusterStack(
        stage,
        "cluster",
        config=config.cluster,
        vpc=network.vpc,
        private_subnets=network.private,
        buckets=storage.buckets,
        buckets_key=storage.key,
    )
    for pool in config.pools:
        NodePoolStack(
            stage,
            f"pool-{pool.name}",
            pool=pool,
            vpc=network.vpc,
            subnet=network.private_subnets[pool.zone],
            cluster=control_plane.cluster,
            kubernetes_version=config.cluster.kubernetes_version,
            tags=config.tags,
        )
    endpoints = {entry.name: f"{stage.stage_name}-{entry.name}" for entry in config.endpoints}
    for endpoint in config.endpoints:
        EndpointStack(
            stage,
            f"endpoint-{endpoint.name}",
            config=endpoint,
            endpoint_name=endpoints[endpoint.name],
            models=storage.models,
            models_key=storage.key,
        )
    observability = ObservabilityStack(
        stage,
        "observability",
        budget=config.budget,
        cost_tags=config.tags,
        cluster_name=control_plane.cluster.cluster_name,
        endpoint_names=list(endpoints.values()),
    )
    if config.gateway.models:
        gateway = GatewayStack(
            stage,
            "gateway",
            config=config.gateway,
            endpoints=endpoints,
            vpc=network.vpc,
            vpc_cidr=config.network.cidr,
            private_subnets=network.private,
            access_logs=storage.access_logs,
            retain=config.storage.retain,
        )
        observability.watch_gateway(
            load_balancer=gateway.load_balancer,
            target_group=gateway.target_group,
            tenants=gateway.tenants,
        )
    for key, value in config.tags.items():
        cdk.Tags.of(stage).add(key, value)


def main() -> None:
    app = cdk.App(analytics_reporting=False)
    folder = app.node.try_get_context("environments")
    try:
        environments = load_environments(Path(folder) if folder else ENVIRONMENTS)
    except ConfigError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    for name, config in environments.items():
        account = config.account or os.environ.get("CDK_DEFAULT_ACCOUNT")
        target = cdk.Environment(account=account, region=config.region)
        compose(cdk.Stage(app, name, env=target), config)
    app.synth()


if __name__ == "__main__":
    main()
