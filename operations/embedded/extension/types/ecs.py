"""ECS: task definitions, because ministack's own handler loses their platform."""

from operations.embedded.extension.api_type import ApiType
from operations.embedded.extension.handler import Handler

TASK_DEFINITION = ApiType(
    type="AWS::ECS::TaskDefinition",
    service="ecs",
    create_only=(
        "ContainerDefinitions",
        "Cpu",
        "EnableFaultInjection",
        "EphemeralStorage",
        "ExecutionRoleArn",
        "Family",
        "InferenceAccelerators",
        "IpcMode",
        "Memory",
        "NetworkMode",
        "PidMode",
        "PlacementConstraints",
        "ProxyConfiguration",
        "RequiresCompatibilities",
        "RuntimePlatform",
        "TaskRoleArn",
        "Volumes",
    ),
    create_call="RegisterTaskDefinition",
    read_call="DescribeTaskDefinition",
    delete_call="DeregisterTaskDefinition",
    record="merge(taskDefinition, {tags: tags})",
    created="taskDefinition",
    id="{taskDefinitionArn}",
    at={"taskDefinition": "{id}", "include": "TAGS"},
    change_at={"taskDefinition": "{id}"},
    attributes={"TaskDefinitionArn": "taskDefinitionArn"},
    named_by="Family",
    longest_name=255,
)

HANDLERS: tuple[Handler, ...] = (TASK_DEFINITION,)
