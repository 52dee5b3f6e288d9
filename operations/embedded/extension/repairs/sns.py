"""SNS topics: their key, signatures and tracing."""

from typing import Any

from operations.embedded.extension.handler import Call, Properties

_ATTRIBUTES = ("KmsMasterKeyId", "SignatureVersion", "TracingConfig")


def topic(call: Call, id: str, old: Properties, new: Properties) -> dict[str, Any]:
    """Set a topic's attributes."""
    for name in _ATTRIBUTES:
        if old.get(name) != new.get(name):
            value = {"AttributeName": name, "AttributeValue": new.get(name, "")}
            call("sns", "SetTopicAttributes", {"TopicArn": id, **value})
    return {}


REPAIRS = {"AWS::SNS::Topic": topic}
