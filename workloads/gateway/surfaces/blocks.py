"""Pieces of content that OpenAI's and Anthropic's forms share."""

from typing import Any

from workloads.gateway.call import Json
from workloads.gateway.encoding import encoded
from workloads.gateway.errors import bad_request


def cache_point(part: Json, field: str) -> list[Json]:
    """The cache point after a part that is marked with Anthropic's `cache_control`, or none.

    OpenAI's own form has no such mark, but clients of both kinds of model write it there too.
    """
    match part.get("cache_control"):
        case None:
            return []
        case {"type": "ephemeral", "ttl": "5m" | "1h" as ttl}:
            return [{"cachePoint": {"type": "default", "ttl": ttl}}]
        case {"type": "ephemeral"}:
            return [{"cachePoint": {"type": "default"}}]
        case other:
            raise bad_request(
                f'{field}.cache_control is {str(other)[:60]}; it must be {{"type": "ephemeral"}}',
                field,
            )


def document_name(title: Any) -> str:
    """A name for Converse, which wants letters, digits, spaces, hyphens and brackets."""
    name = "".join(c for c in str(title or "") if c.isalnum() or c in " -()[]")
    return " ".join(name.split())[:200] or "document"


def json_schema(schema: Any, field: str, name: Any = None, description: Any = None) -> Json:
    """Converse's `outputConfig.textFormat`: the answer is JSON after `schema`."""
    if not isinstance(schema, dict):
        raise bad_request(f"{field} is not a JSON schema", field)
    # Converse wants the schema as text.
    structure: Json = {"schema": encoded(schema).decode()}
    if isinstance(name, str):
        structure["name"] = name
    if isinstance(description, str):
        structure["description"] = description
    return {"type": "json_schema", "structure": {"jsonSchema": structure}}


def declaration(name: str, description: Any = None, schema: Any = None) -> Json:
    """One tool of Converse's `toolConfig`."""
    parameters = schema or {"type": "object", "properties": {}}
    spec: Json = {"name": name, "inputSchema": {"json": parameters}}
    if description:
        spec["description"] = description
    return {"toolSpec": spec}


def without_choice(specs: list[Json], turns: list[Json]) -> Json | None:
    """The `toolConfig` of a request that lets the model call none of its tools.

    Converse knows no "none", but refuses a history with tools that are not declared.
    """
    used = {
        block["toolUse"]["name"]: None
        for turn in turns
        for block in turn["content"]
        if "toolUse" in block
    }
    if not used:
        return None
    declared = {spec["toolSpec"]["name"]: spec for spec in specs if "toolSpec" in spec}
    return {"tools": [declared.get(name) or declaration(name) for name in used]}
