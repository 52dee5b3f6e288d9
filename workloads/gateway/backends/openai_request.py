"""Converse's request as OpenAI's, for servers with that API.

What the form in the middle may hold but OpenAI's cannot is refused by name, if leaving it out
would change the answer; cache points and signatures of earlier reasoning would not.
"""

from typing import Any

import orjson

from workloads.gateway.call import Json
from workloads.gateway.encoding import encoded
from workloads.gateway.errors import bad_request

# Anthropic's own fields, which only its models understand.
_ANTHROPIC = {"thinking", "anthropic_beta", "anthropic_version", "tool_choice"}


def chat_request(request: Json) -> Json:
    """The body of a chat completion, without `model` and `stream`. Raises ApiError 400."""
    if "guardrailConfig" in request:
        raise bad_request("this model has no guardrail; leave guardrailConfig out")
    body: Json = {"messages": _messages(request)}
    inference = request.get("inferenceConfig") or {}
    for theirs, ours in _INFERENCE.items():
        if theirs in inference:
            body[ours] = inference[theirs]
    if config := request.get("toolConfig"):
        body |= _tools(config)
    output = request.get("outputConfig") or {}
    if (form := output.get("textFormat")) is not None:
        body["response_format"] = _response_format(form)
    if (effort := output.get("effort")) is not None:
        body["reasoning_effort"] = effort
    more = request.get("additionalModelRequestFields") or {}
    if (more.get("tool_choice") or {}).get("disable_parallel_tool_use"):
        body["parallel_tool_calls"] = False
    return {**{k: v for k, v in more.items() if k not in _ANTHROPIC}, **body}


_INFERENCE = {
    "maxTokens": "max_tokens",
    "temperature": "temperature",
    "topP": "top_p",
    "stopSequences": "stop",
}


def _messages(request: Json) -> list[Json]:
    messages: list[Json] = []
    if system := _system(request.get("system") or []):
        messages.append({"role": "system", "content": system})
    for number, message in enumerate(request["messages"]):
        if message["role"] == "assistant":
            messages.append(_assistant(message["content"], f"messages[{number}]"))
        elif message["role"] == "system":
            messages.append({"role": "system", "content": _system(message["content"])})
        else:
            messages += _user(message["content"], f"messages[{number}]")
    return messages


def _system(blocks: list[Json]) -> str:
    return "\n\n".join(block["text"] for block in blocks if "text" in block)


def _assistant(blocks: list[Json], where: str) -> Json:
    text: list[str] = []
    calls: list[Json] = []
    for block in blocks:
        if "text" in block:
            text.append(block["text"])
        elif "toolUse" in block:
            use = block["toolUse"]
            arguments = encoded(use.get("input") or {}).decode()
            function = {"name": use["name"], "arguments": arguments}
            calls.append({"id": use["toolUseId"], "type": "function", "function": function})
        elif "reasoningContent" not in block and "cachePoint" not in block:
            raise _unsayable(block, where)
    message: Json = {"role": "assistant", "content": "".join(text) or None}
    return {**message, "tool_calls": calls} if calls else message


def _user(blocks: list[Json], where: str) -> list[Json]:
    """The results of tools, each a message of its own, and then what the user says."""
    results: list[Json] = []
    parts: list[Json] = []
    for block in blocks:
        if "toolResult" in block:
            result = block["toolResult"]
            content = "".join(_result_text(part, where) for part in result.get("content") or [])
            results.append(
                {"role": "tool", "tool_call_id": result["toolUseId"], "content": content}
            )
        elif "text" in block:
            parts.append({"type": "text", "text": block["text"]})
        elif "image" in block:
            parts.append({"type": "image_url", "image_url": {"url": _image(block, where)}})
        elif "cachePoint" not in block:
            raise _unsayable(block, where)
    if not parts:
        return results
    if all(part["type"] == "text" for part in parts):  # which every server understands
        text = "\n\n".join(part["text"] for part in parts)
        return [*results, {"role": "user", "content": text}]
    return [*results, {"role": "user", "content": parts}]


def _result_text(part: Json, where: str) -> str:
    if "text" in part:
        return str(part["text"])
    if "json" in part:
        return encoded(part["json"]).decode()
    raise _unsayable(part, where)


def _image(block: Json, where: str) -> str:
    image = block["image"]
    if "bytes" not in image["source"]:
        raise bad_request(f"{where}: this model takes images as bytes, not by their address", where)
    return f"data:image/{image['format']};base64,{image['source']['bytes']}"


def _tools(config: Json) -> Json:
    tools = []
    for number, tool in enumerate(config["tools"]):
        if "cachePoint" in tool:
            continue
        if "toolSpec" not in tool:
            raise _unsayable(tool, f"toolConfig.tools[{number}]")
        spec = tool["toolSpec"]
        function: Json = {"name": spec["name"], "parameters": spec["inputSchema"]["json"]}
        for key in ("description", "strict"):
            if key in spec:
                function[key] = spec[key]
        tools.append({"type": "function", "function": function})
    match config.get("toolChoice"):
        case {"any": _}:
            choice: Any = "required"
        case {"tool": {"name": str(name)}}:
            choice = {"type": "function", "function": {"name": name}}
        case _:
            choice = "auto"
    return {"tools": tools, "tool_choice": choice}


def _response_format(form: Json) -> Json:
    schema = form["structure"]["jsonSchema"]
    try:
        content = orjson.loads(schema["schema"])
    except ValueError:
        raise bad_request("outputConfig.textFormat's schema is not JSON") from None
    named = {"name": schema.get("name") or "answer", "schema": content, "strict": True}
    return {"type": "json_schema", "json_schema": named}


def _unsayable(block: Json, where: str) -> Exception:
    kind = next((str(key)[:40] for key in block), "nothing")
    return bad_request(f"{where}: this model takes no {kind}", where)
