"""What an operator looks at, is told of, and pays: dashboard, alarms, budget."""

from stacks.observability.stack import ObservabilityStack as ObservabilityStack
