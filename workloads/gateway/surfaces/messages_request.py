"""Anthropic's Messages request as a request of Bedrock's Converse.

Shapes: Anthropic's API reference, "Messages", as in the types of its Python SDK, and the
`bedrock-runtime` service model of botocore.
"""

from typing import Any

from workloads.gateway.call import Json
from workloads.gateway.errors import bad_request
from workloads.gateway.surfaces.blocks import (
    cache_point,
    declaration,
    document_name,
    json_schema,
    without_choice,
)

_IMAGES = {"image/png": "png", "image/jpeg": "jpeg", "image/gif": "gif", "image/webp": "webp"}


def converse_request(body: Json) -> Json:
    """The Converse request for a Messages request's `body`.

    Raises ApiError 400 that names the field which has no equivalent or the wrong type.
    """
    for field in ("container", "mcp_servers"):
        if body.get(field):
            raise bad_request(f"{field}: what Anthropic runs itself is not here", field)
    request: Json = {"messages": _messages(body["messages"])}
    if point := cache_point(body, "the request"):
        _cache_all(request["messages"][-1]["content"], point)
    if system := _content(body.get("system"), "system"):
        request["system"] = system
    if inference := {ours: body[key] for key, ours in _INFERENCE.items() if key in body}:
        request["inferenceConfig"] = inference
    if body.get("stop_sequences"):  # which of them it was is a field of Anthropic's models alone
        request["additionalModelResponseFieldPaths"] = ["/stop_sequence"]
    more = {key: body[key] for key in ("top_k", "thinking") if body.get(key) is not None}
    choice = body.get("tool_choice")
    if tools := _tools(body.get("tools"), choice, request["messages"]):
        request["toolConfig"] = tools
        if isinstance(choice, dict) and choice.get("disable_parallel_tool_use"):
            more["tool_choice"] = choice
    if more:
        request["additionalModelRequestFields"] = more
    if output := _output(body.get("output_config")):
        request["outputConfig"] = output
    return request


_INFERENCE = {
    "max_tokens": "maxTokens",
    "temperature": "temperature",
    "top_p": "topP",
    "stop_sequences": "stopSequences",
}


def _messages(messages: list[Any]) -> list[Json]:
    """The turns; consecutive ones of the same role become one, as in Anthropic's API."""
    turns: list[Json] = []
    for number, message in enumerate(messages):
        where = f"messages.{number}"
        match message:
            case {"role": "user" | "assistant" | "system" as role, "content": content}:
                blocks = _content(content, f"{where}.content")
            case _:
                raise bad_request(
                    f"{where}: a role of user, assistant or system and content are required", where
                )
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        elif blocks:
            turns.append({"role": role, "content": blocks})
    if not turns:
        raise bad_request("messages hold no content", "messages")
    return turns


def _cache_all(blocks: list[Json], point: list[Json]) -> None:
    """A cache point after the last block, unless that is marked already."""
    if "cachePoint" not in blocks[-1]:
        blocks += point


def _content(content: Any, where: str) -> list[Json]:
    if content is None:
        return []
    if isinstance(content, str):
        return [{"text": content}] if content.strip() else []
    if not isinstance(content, list):
        raise bad_request(f"{where}: neither text nor a list", where)
    blocks: list[Json] = []
    for number, part in enumerate(content):
        field = f"{where}.{number}"
        blocks += _block(part, field)
        if isinstance(part, dict):
            blocks += cache_point(part, field)
    return blocks


def _block(part: Any, field: str) -> list[Json]:
    match part:
        case {"type": "text", "text": str(text)}:
            return [{"text": text}] if text.strip() else []  # Converse takes no empty text
        case {"type": "image", "source": source}:
            return [{"image": _image(source, field)}]
        case {"type": "document", "source": source}:
            return [{"document": _document(part, source, field)}]
        case {"type": "tool_use", "id": str(id), "name": str(name), "input": dict(values)}:
            return [{"toolUse": {"toolUseId": id, "name": name, "input": values}}]
        case {"type": "tool_result", "tool_use_id": str(id)}:
            result: Json = {
                "toolUseId": id,
                "content": _content(part.get("content"), f"{field}.content"),
            }
            if part.get("is_error"):
                result["status"] = "error"
            return [{"toolResult": result}]
        case {"type": "thinking", "thinking": str(text)}:
            thought = {"text": text, "signature": part.get("signature") or ""}
            return [{"reasoningContent": {"reasoningText": thought}}]
        case {"type": "redacted_thinking", "data": str(data)}:
            return [{"reasoningContent": {"redactedContent": data}}]
    kind = part.get("type") if isinstance(part, dict) else part
    raise bad_request(f"{field}: a block of type {str(kind)[:60]!r} is not understood", field)


def _image(source: Any, field: str) -> Json:
    match source:
        case {"type": "base64", "media_type": str(media), "data": str(data)} if media in _IMAGES:
            return {"format": _IMAGES[media], "source": {"bytes": data}}
    raise bad_request(
        f"{field}.source: the image must be base64 of {', '.join(_IMAGES)}; "
        "nothing is fetched from an address",
        field,
    )


def _document(part: Json, source: Any, field: str) -> Json:
    document: Json = {"name": document_name(part.get("title"))}
    match source:
        case {"type": "base64", "media_type": "application/pdf", "data": str(data)}:
            document |= {"format": "pdf", "source": {"bytes": data}}
        case {"type": "text", "data": str(text)}:
            document |= {"format": "txt", "source": {"text": text}}
        case _:
            raise bad_request(
                f"{field}.source: the document must be text, or base64 of application/pdf", field
            )
    if isinstance(part.get("context"), str):
        document["context"] = part["context"]
    if part.get("citations") == {"enabled": True}:
        document["citations"] = {"enabled": True}
    return document


def _tools(tools: Any, choice: Any, turns: list[Json]) -> Json | None:
    if not isinstance(tools or [], list):
        raise bad_request("tools: not a list", "tools")
    specs: list[Json] = []
    for number, tool in enumerate(tools or []):
        field = f"tools.{number}"
        match tool:
            case {"name": str(name), "input_schema": dict(schema)}:
                spec = declaration(name, tool.get("description"), schema)
            case _:
                raise bad_request(
                    f"{field}: a name and an input_schema are required; "
                    "tools that Anthropic runs itself are not here",
                    field,
                )
        specs += [spec, *cache_point(tool, field)]
    if not specs or choice == {"type": "none"}:
        return without_choice(specs, turns)
    config: Json = {"tools": specs}
    match choice:
        case None | {"type": "auto"}:
            pass  # what Converse does without a choice
        case {"type": "any"}:
            config["toolChoice"] = {"any": {}}
        case {"type": "tool", "name": str(name)}:
            config["toolChoice"] = {"tool": {"name": name}}
        case _:
            raise bad_request("tool_choice: its type must be auto, any, tool or none")
    return config


def _output(config: Any) -> Json:
    output: Json = {}
    match config:
        case {"format": {"type": "json_schema", "schema": schema}}:
            output["textFormat"] = json_schema(schema, "output_config.format.schema")
        case {"format": form} if form is not None:
            raise bad_request("output_config.format: it must be json_schema with a schema")
    if isinstance(config, dict) and isinstance(config.get("effort"), str):
        output["effort"] = config["effort"]
    return output
