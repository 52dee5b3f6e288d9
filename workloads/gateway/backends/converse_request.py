"""OpenAI's chat completion request as a request of Bedrock's Converse.

Shapes: the `bedrock-runtime` service model of botocore, operation Converse, and OpenAI's API
reference, "Create chat completion".
"""

import re
from typing import Any

import orjson

from workloads.gateway.config import GuardrailConfig
from workloads.gateway.errors import bad_request

Json = dict[str, Any]

_DATA_URI = re.compile(r"data:image/(png|jpe?g|gif|webp);base64,")


def converse_request(body: Json, guardrail: GuardrailConfig | None = None) -> Json:
    """The Converse request for a chat completion's `body`.

    Raises ApiError 400 that names the field which has no equivalent or the wrong type.
    """
    _refuse_unsupported(body)
    system, messages = _conversation(body["messages"])
    if not messages:
        raise bad_request("messages hold no text, image or tool result", "messages")
    request: Json = {"messages": messages}
    if system:
        request["system"] = system
    if inference := _inference(body):
        request["inferenceConfig"] = inference
    if tools := _tools(body, messages):
        request["toolConfig"] = tools
    if guardrail is not None:
        request["guardrailConfig"] = {
            "guardrailIdentifier": guardrail.id,
            "guardrailVersion": guardrail.version,
        }
    return request


def _refuse_unsupported(body: Json) -> None:
    """Refuse what would change the answer if it were dropped silently."""
    if body.get("n") not in (None, 1):
        raise bad_request("this model gives one choice; n must be 1", "n")
    if body.get("logprobs"):
        raise bad_request("this model gives no logprobs", "logprobs")
    form = body.get("response_format")
    if form is not None and not (isinstance(form, dict) and form.get("type") == "text"):
        raise bad_request(
            "this model answers in text; response_format must be text", "response_format"
        )


def _inference(body: Json) -> Json:
    inference: Json = {}
    max_tokens = body.get("max_completion_tokens")
    if max_tokens is None:
        max_tokens = body.get("max_tokens")
    if max_tokens is not None:
        inference["maxTokens"] = max_tokens
    if (temperature := body.get("temperature")) is not None:
        inference["temperature"] = temperature
    if (top_p := body.get("top_p")) is not None:
        inference["topP"] = top_p
    if (stop := body.get("stop")) is not None:
        inference["stopSequences"] = [stop] if isinstance(stop, str) else stop
    return inference


def _conversation(messages: list[Any]) -> tuple[list[Json], list[Json]]:
    """The system blocks, and the turns with user and assistant strictly in alternation."""
    system: list[Json] = []
    turns: list[Json] = []
    for index, message in enumerate(messages):
        where = f"messages[{index}]"
        if not isinstance(message, dict):
            raise bad_request(f"{where} is not an object", where)
        match message.get("role"):
            case "system" | "developer":
                system += _content(message.get("content"), where)
                continue
            case "user":
                role, blocks = "user", _content(message.get("content"), where)
            case "assistant":
                role = "assistant"
                blocks = _content(message.get("content"), where) + _tool_uses(message, where)
            case "tool":
                role, blocks = "user", [_tool_result(message, where)]
            case other:
                raise bad_request(
                    f"{where}.role is {other!r}; it must be system, developer, user, assistant "
                    "or tool",
                    f"{where}.role",
                )
        if not blocks:  # Converse takes no empty text
            continue
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        else:
            turns.append({"role": role, "content": blocks})
    return system, turns


def _content(content: Any, where: str) -> list[Json]:
    if content is None:
        return []
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    if not isinstance(parts, list):
        raise bad_request(f"{where}.content is neither text nor a list", f"{where}.content")
    blocks: list[Json] = []
    for number, part in enumerate(parts):
        field = f"{where}.content[{number}]"
        match part:
            case {"type": "text", "text": str(text)} | {"type": "refusal", "refusal": str(text)}:
                if text.strip():
                    blocks.append({"text": text})
            case {"type": "image_url", "image_url": {"url": str(url)}}:
                blocks.append({"image": _image(url, field)})
            case _:
                raise bad_request(f"{field} is neither text nor an image_url", field)
    return blocks


def _image(url: str, field: str) -> Json:
    match = _DATA_URI.match(url)
    if match is None:
        raise bad_request(
            f"{field}: the image must be a data URI, data:image/png;base64,… "
            "(or jpeg, gif, webp); nothing is fetched from an address",
            field,
        )
    kind = "jpeg" if match[1] == "jpg" else match[1]
    # The REST form of Converse wants base64, which the data URI already is.
    return {"format": kind, "source": {"bytes": url[match.end() :]}}


def _tool_uses(message: Json, where: str) -> list[Json]:
    calls = message.get("tool_calls") or []
    if not isinstance(calls, list):
        raise bad_request(f"{where}.tool_calls is not a list", f"{where}.tool_calls")
    blocks = []
    for number, call in enumerate(calls):
        field = f"{where}.tool_calls[{number}]"
        match call:
            case {"id": str(id), "function": {"name": str(name), "arguments": str(arguments)}}:
                pass
            case _:
                raise bad_request(f"{field} needs id, function.name and function.arguments", field)
        try:
            values = orjson.loads(arguments or "{}")
        except orjson.JSONDecodeError:
            values = None
        if not isinstance(values, dict):
            raise bad_request(f"{field}.function.arguments is not a JSON object", field)
        blocks.append({"toolUse": {"toolUseId": id, "name": name, "input": values}})
    return blocks


def _tool_result(message: Json, where: str) -> Json:
    id = message.get("tool_call_id")
    if not isinstance(id, str):
        raise bad_request(f"{where}.tool_call_id is missing", f"{where}.tool_call_id")
    return {"toolResult": {"toolUseId": id, "content": _content(message.get("content"), where)}}


def _tools(body: Json, turns: list[Json]) -> Json | None:
    choice = body.get("tool_choice")
    tools = body.get("tools") or []
    if not isinstance(tools, list):
        raise bad_request("tools is not a list", "tools")
    specs = [_tool(tool, f"tools[{number}]") for number, tool in enumerate(tools)]
    if choice == "none" or not specs:
        # Converse knows no "none", but refuses a history with tools that are not declared.
        used = _used_tools(turns)
        if not used:
            return None
        declared = {spec["toolSpec"]["name"]: spec for spec in specs}
        return {"tools": [declared.get(name) or _declaration(name) for name in used]}
    config: Json = {"tools": specs}
    match choice:
        case None | "auto":
            pass  # what Converse does without a choice
        case "required":
            config["toolChoice"] = {"any": {}}
        case {"type": "function", "function": {"name": str(name)}}:
            config["toolChoice"] = {"tool": {"name": name}}
        case _:
            raise bad_request(
                'tool_choice must be "none", "auto", "required" or name a function', "tool_choice"
            )
    return config


def _tool(tool: Any, field: str) -> Json:
    match tool:
        case {"type": "function", "function": {"name": str(name)} as function}:
            return _declaration(name, function.get("description"), function.get("parameters"))
    raise bad_request(f"{field} is not a function with a name", field)


def _declaration(name: str, description: Any = None, parameters: Any = None) -> Json:
    schema = parameters or {"type": "object", "properties": {}}
    spec: Json = {"name": name, "inputSchema": {"json": schema}}
    if description:
        spec["description"] = description
    return {"toolSpec": spec}


def _used_tools(turns: list[Json]) -> list[str]:
    uses = (
        block["toolUse"]["name"]
        for turn in turns
        for block in turn["content"]
        if "toolUse" in block
    )
    return list(dict.fromkeys(uses))
