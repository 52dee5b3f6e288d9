"""OpenAI's chat completion request as a request of Bedrock's Converse.

Shapes: the `bedrock-runtime` service model of botocore, operation Converse, and OpenAI's API
reference, "Create chat completion".
"""

import re
from typing import Any

import orjson

from workloads.gateway.call import Json
from workloads.gateway.errors import bad_request
from workloads.gateway.surfaces.blocks import (
    cache_point,
    declaration,
    document_name,
    json_schema,
    without_choice,
)

# OpenAI's efforts by Converse's; "none" and what is unknown leave the choice to the model.
_EFFORTS = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh"}
MOST_CHOICES = 8  # each is a request of its own to the model
# What would change the answer, with the reason why it cannot; "seed" is best effort everywhere.
_UNSUPPORTED = {
    "logprobs": "gives no logprobs",
    "top_logprobs": "gives no logprobs",
    "logit_bias": "takes no bias of tokens",
    "frequency_penalty": "takes no penalties",
    "presence_penalty": "takes no penalties",
    "functions": "takes functions as tools",
    "function_call": "takes functions as tools",
    "audio": "does not speak",
    "web_search_options": "searches nothing",
}
_ASKED_BY_NAME = ("web_search_options",)  # {} asks for it too
_PDF = "data:application/pdf;base64,"
_DATA_URI = re.compile(r"data:image/(png|jpe?g|gif|webp);base64,")


def converse_request(body: Json) -> Json:
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
    if output := _output(body):
        request["outputConfig"] = output
    if body.get("service_tier") in ("default", "flex", "priority"):  # "auto" is what it does anyway
        request["serviceTier"] = {"type": body["service_tier"]}
    return request


def _refuse_unsupported(body: Json) -> None:
    """Refuse what would change the answer if it were dropped silently."""
    choices = body.get("n")
    if choices is not None and (type(choices) is not int or not 1 <= choices <= MOST_CHOICES):
        raise bad_request(f"n must be a whole number from 1 to {MOST_CHOICES}", "n")
    for field in [field for field in _UNSUPPORTED if field in body]:
        if body[field] or (field in _ASKED_BY_NAME and body[field] is not None):
            raise bad_request(f"this model {_UNSUPPORTED[field]}; leave {field} out", field)
    if body.get("modalities") not in (None, ["text"]):
        raise bad_request("this model does not speak; modalities must be text", "modalities")


def _output(body: Json) -> Json:
    output: Json = {}
    match body.get("response_format"):
        case None | {"type": "text"}:
            pass
        case {"type": "json_schema", "json_schema": {"schema": schema} as form}:
            field = "response_format.json_schema.schema"
            output["textFormat"] = json_schema(
                schema, field, form.get("name"), form.get("description")
            )
        case _:
            raise bad_request(
                "response_format must be text, or json_schema with a schema: this model has no "
                "JSON mode without one",
                "response_format",
            )
    if (effort := _EFFORTS.get(str(body.get("reasoning_effort")))) is not None:
        output["effort"] = effort
    return output


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
    if isinstance(content, str):
        return [{"text": content}] if content.strip() else []
    if not isinstance(content, list):
        raise bad_request(f"{where}.content is neither text nor a list", f"{where}.content")
    blocks: list[Json] = []
    for number, part in enumerate(content):
        field = f"{where}.content[{number}]"
        match part:
            case {"type": "text", "text": str(text)} | {"type": "refusal", "refusal": str(text)}:
                if text.strip():
                    blocks.append({"text": text})
            case {"type": "image_url", "image_url": {"url": str(url)}}:
                blocks.append({"image": _image(url, field)})
            case {"type": "file", "file": {"file_data": str(data)} as file} if data[:28] == _PDF:
                name = document_name(file.get("filename"))
                source = {"bytes": data.removeprefix(_PDF)}
                blocks.append({"document": {"name": name, "format": "pdf", "source": source}})
            case _:
                raise bad_request(
                    f"{field} is neither text, nor an image_url, nor a file with {_PDF}… "
                    "as its file_data",
                    field,
                )
        if len(part) > 2:  # more than its type and content
            blocks += cache_point(part, field)
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
    match choice:
        case {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": list(allowed)}}:
            names = [_tool(tool, "tool_choice")["toolSpec"]["name"] for tool in allowed]
            specs = [spec for spec in specs if spec["toolSpec"]["name"] in names]
            choice = mode
    if choice == "none" or not specs:
        return without_choice(specs, turns)
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
            return declaration(name, function.get("description"), function.get("parameters"))
    raise bad_request(f"{field} is not a function with a name", field)
