"""CloudWatch namespaces that one part of an environment publishes in and another looks at."""

from typing import Final

import aws_cdk as cdk

from stacks.config import NodePoolConfig

# Of all pools' devices: minutes in which memory of theirs broke.
BROKEN_MEMORY: Final = "BrokenMemory"
# After so many hours without any work an alarm tells of a pool's accelerators.
IDLE_HOURS: Final = 3


def environment_name(stack: cdk.Stack) -> str:
    """What `workloads.train --cloudwatch` is told, for the alarms to see the run."""
    stage = cdk.Stage.of(stack)
    assert stage is not None, "every stack is in an app"
    return stage.stage_name


def training_namespace(stack: cdk.Stack) -> str:
    """Of the environment's training runs: workloads/train/publisher.py."""
    return f"Training/{environment_name(stack)}"


def pools_namespace(stack: cdk.Stack) -> str:
    """Of what the environment's pools do, as workloads/idle.py and stacks/cluster tell it."""
    return f"Pools/{environment_name(stack)}"


def metered(pool: NodePoolConfig, neuron_allocator: str) -> str | None:
    """Container Insights' metric of how busy a node's accelerators are, in percent; None without.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Container-Insights-metrics-enhanced-EKS.html
    A Neuron device without a runtime is told as 0, not as nothing. Neuron's monitor does not run
    beside its DRA driver.
    """
    if pool.hardware.neuron and neuron_allocator == "device-plugin":
        return "node_neuroncore_utilization"
    return "node_gpu_utilization" if pool.hardware.nvidia else None
