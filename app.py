"""The whole deployment, composed: each environment file becomes one stage of stacks.

cdk ls                             every stack of every environment
cdk deploy 'dev/*'                 one environment
cdk deploy prod/pool-trn1          one stack
cdk synth -c environments=FOLDER   the environment files of another folder
cdk synth -c today=2027-03-27      what the calendar of support says on that day
"""

import os
import sys
from pathlib import Path

import aws_cdk as cdk

from stacks.cluster import ClusterStack
from stacks.config import (
    ENVIRONMENTS,
    ConfigError,
    EnvironmentConfig,
    day,
    load_environments,
    warnings,
)
from stacks.endpoint import EndpointStack
from stacks.gateway import GatewayStack
from stacks.network import NetworkStack
from stacks.node_pool import NodePoolStack
from stacks.observability import ObservabilityStack
from stacks.shared.acknowledge import acknowledge
from stacks.storage import StorageStack


def compose(stage: cdk.Stage, config: EnvironmentConfig) -> None:
    """Create one environment's stacks and hand each what it needs of the others."""
    cidr, tags = config.network.cidr, config.tags
    training_zone = next((p.zone for p in config.pools if p.efa), config.network.zones[0])
    images = f"{stage.stage_name}/workloads"  # several environments share an account's registry
    endpoints = {entry.name: f"{stage.stage_name}-{entry.name}" for entry in config.endpoints}

    acknowledge(
        stage,
        {"IAMNoInlinePolicy": "A role's policy is the role's alone: it comes and goes with it."},
    )
    vpc = NetworkStack(
        stage, "network", config=config.network, runtimes=config.gateway.runtimes
    ).vpc
    storage = StorageStack(
        stage,
        "storage",
        config=config.storage,
        vpc=vpc,
        clients=cidr,
        lustre_zone=training_zone,
        images=images,
    )
    cluster = ClusterStack(
        stage,
        "cluster",
        config=config.cluster,
        pools=config.pools,
        way_out=config.network.egress == "nat",
        vpc=vpc,
        buckets=storage.buckets,
    ).cluster
    for pool in config.pools:
        NodePoolStack(
            stage,
            f"pool-{pool.name}",
            pool=pool,
            vpc=vpc,
            cluster=cluster,
            cluster_config=config.cluster,
            cost_tags=tags,
            images=images,
        )
    observability = ObservabilityStack(
        stage,
        "observability",
        budget=config.budget,
        cost_tags=tags,
        cluster=cluster,
        pools=config.pools,
        neuron_allocator=config.cluster.neuron_allocator,
    )
    for entry in config.endpoints:
        name = endpoints[entry.name]
        EndpointStack(
            stage, f"endpoint-{entry.name}", config=entry, endpoint_name=name, models=storage.models
        )
        observability.watch_endpoint(name)
    if config.gateway.models:
        gateway = GatewayStack(
            stage,
            "gateway",
            config=config.gateway,
            endpoints=endpoints,
            vpc=vpc,
            clients=cidr,
            access_logs=storage.access_logs,
            retain=config.storage.retain,
        )
        observability.watch_gateway(
            gateway.load_balancer,
            gateway.target_group,
            gateway.tenants,
            service=gateway.stack_name,
        )
    for key, value in tags.items():
        cdk.Tags.of(stage).add(key, value)


def main() -> None:
    app = cdk.App(analytics_reporting=False)
    folder = app.node.try_get_context("environments") or ENVIRONMENTS
    try:
        today = day(app.node.try_get_context("today"))
        environments = load_environments(Path(folder), today=today)
    except ConfigError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    for warning in warnings(environments, today):
        print(f"warning: {warning}", file=sys.stderr)
    for name, config in environments.items():
        account = config.account or os.environ.get("CDK_DEFAULT_ACCOUNT")
        target = cdk.Environment(account=account, region=config.region)
        compose(cdk.Stage(app, name, env=target), config)
    app.synth()


if __name__ == "__main__":
    main()
