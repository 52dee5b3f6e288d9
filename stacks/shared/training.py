"""Where training runs publish their metrics, and where an alarm looks at them."""

import aws_cdk as cdk


def training_namespace(stack: cdk.Stack) -> str:
    """CloudWatch's namespace of an environment's runs: `--cloudwatch ENV` of workloads.train."""
    stage = cdk.Stage.of(stack)
    assert stage is not None, "every stack is in an app"
    return f"Training/{stage.stage_name}"
