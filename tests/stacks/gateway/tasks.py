"""What a gateway's template says of its tasks: their settings, and what they may do."""

import tomllib


def settings(stack):
    """What GATEWAY_CONFIG holds, with names of resources in place of references."""
    [container] = stack.only("AWS::ECS::TaskDefinition")["ContainerDefinitions"]
    [value] = [e["Value"] for e in container["Environment"] if e["Name"] == "GATEWAY_CONFIG"]
    _, parts = value["Fn::Join"]
    return tomllib.loads(
        "".join(_known(part) if isinstance(part, dict) else part for part in parts)
    )


def _known(reference):
    """What a reference stands for, as far as a gateway file looks at its form."""
    [_, attribute] = reference.get("Fn::GetAtt", [None, None])
    if attribute == "InferenceProfileArn":
        return "arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/abc123"
    return "1"


def listed(value):
    return value if isinstance(value, list) else [value]


def task_statements(stack):
    [statements] = [
        policy["PolicyDocument"]["Statement"]
        for name, policy in stack.every("AWS::IAM::Policy").items()
        if "TaskRole" in name
    ]
    return statements
