"""CloudWatch namespaces that one part of an environment publishes in and another looks at."""

import aws_cdk as cdk


def environment_name(stack: cdk.Stack) -> str:
    """What `workloads.train --cloudwatch` is told, for the alarms to see the run."""
    stage = cdk.Stage.of(stack)
    assert stage is not None, "every stack is in an app"
    return stage.stage_name


def training_namespace(stack: cdk.Stack) -> str:
    """Of the environment's training runs: workloads/train/publisher.py."""
    return f"Training/{environment_name(stack)}"


def pools_namespace(stack: cdk.Stack) -> str:
    """Of what the idle policy did to the environment's pools: workloads/idle.py."""
    return f"Pools/{environment_name(stack)}"
