"""OpenAI's Responses request as a request for a chat completion.

Shapes: OpenAI's API reference, "Create a model response", as in the types of its Python SDK.
"""

from typing import Any

from workloads.gateway.call import Json
from workloads.gateway.errors import bad_request

# What would need answers to be kept, or work to be done, between requests.
_STATEFUL = ("previous_response_id", "conversation", "background", "prompt")


def chat_request(body: Json) -> Json:
    """The request for a chat completion that asks the same.

    Raises ApiError 400 that names the field which has no equivalent or the wrong type.
    """
    for field in _STATEFUL:
        if body.get(field):
            raise bad_request(
                f"{field} is not here: the gateway keeps no responses; send the whole "
                "conversation as input",
                field,
            )
    if body.get("store"):
        raise bad_request("store must be false: the gateway keeps no responses", "store")
    if body.get("top_logprobs"):
        raise bad_request("top_logprobs are not here; leave them out", "top_logprobs")
    messages = _messages(body.get("input"))
    if (instructions := body.get("instructions")) is not None:
        messages = [{"role": "system", "content": instructions}, *messages]
    chat: Json = {"model": body["model"], "messages": messages, "stream": bool(body.get("stream"))}
    for theirs, ours in _SAME.items():
        if body.get(theirs) is not None:
            chat[ours] = body[theirs]
    if tools := body.get("tools"):
        chat["tools"] = _tools(tools)
    if (choice := body.get("tool_choice")) is not None:
        chat["tool_choice"] = _choice(choice)
    text, reasoning = body.get("text") or {}, body.get("reasoning") or {}
    if not isinstance(text, dict) or not isinstance(reasoning, dict):
        raise bad_request("text and reasoning must be objects", "text")
    if (form := text.get("format")) is not None:
        chat["response_format"] = _format(form)
    if (effort := reasoning.get("effort")) is not None:
        chat["reasoning_effort"] = effort
    return chat


_SAME = {
    "max_output_tokens": "max_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "parallel_tool_calls": "parallel_tool_calls",
}


def _messages(given: Any) -> list[Json]:
    if isinstance(given, str) and given:
        return [{"role": "user", "content": given}]
    if not isinstance(given, list) or not given:
        raise bad_request("input must be a text, or a list with at least one item", "input")
    messages: list[Json] = []
    for number, item in enumerate(given):
        field = f"input[{number}]"
        match item:
            case {"type": "function_call", "call_id": str(id), "name": str(name)}:
                function = {"name": name, "arguments": str(item.get("arguments") or "{}")}
                call = {"id": id, "type": "function", "function": function}
                if not messages or messages[-1]["role"] != "assistant":
                    messages.append({"role": "assistant", "content": None})
                messages[-1].setdefault("tool_calls", []).append(call)
            case {"type": "function_call_output", "call_id": str(id), "output": output}:
                content = _content(output, f"{field}.output")
                messages.append({"role": "tool", "tool_call_id": id, "content": content})
            case {"type": "reasoning"}:
                pass  # no model reads another one's thoughts without their signature
            case {
                "role": "system" | "developer" | "user" | "assistant" as role,
                "content": content,
            }:
                if item.get("type") not in (None, "message"):
                    raise _unknown(item, field)
                content = _content(content, f"{field}.content")
                messages.append({"role": role, "content": content})
            case _:
                raise _unknown(item, field)
    if not messages:
        raise bad_request("input holds nothing that a model could answer", "input")
    return messages


def _unknown(item: Any, field: str) -> Exception:
    kind = item.get("type") if isinstance(item, dict) else item
    return bad_request(f"{field}: an item of type {str(kind)[:60]!r} is not understood", field)


def _content(content: Any, field: str) -> Any:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise bad_request(f"{field} is neither text nor a list", field)
    parts: list[Json] = []
    for number, part in enumerate(content):
        match part:
            case {"type": "input_text" | "output_text", "text": str(text)}:
                parts.append({"type": "text", "text": text})
            case {"type": "refusal", "refusal": str(text)}:
                parts.append({"type": "text", "text": text})
            case {"type": "input_image", "image_url": str(url)}:
                parts.append({"type": "image_url", "image_url": {"url": url}})
            case {"type": "input_file", "file_data": str(data)}:
                file = {"file_data": data, "filename": part.get("filename") or "document.pdf"}
                parts.append({"type": "file", "file": file})
            case _:
                raise _unknown(part, f"{field}[{number}]")
    if all(part["type"] == "text" for part in parts):  # which every server understands
        return "\n\n".join(part["text"] for part in parts)
    return parts


def _tools(tools: Any) -> list[Json]:
    if not isinstance(tools, list):
        raise bad_request("tools is not a list", "tools")
    functions: list[Json] = []
    for number, tool in enumerate(tools):
        match tool:
            case {"type": "function", "name": str(name)}:
                function: Json = {"name": name}
                for key in ("description", "parameters", "strict"):
                    if tool.get(key) is not None:
                        function[key] = tool[key]
                functions.append({"type": "function", "function": function})
            case _:
                raise bad_request(
                    f"tools[{number}] is not a function with a name; tools that OpenAI runs "
                    "itself are not here",
                    "tools",
                )
    return functions


def _choice(choice: Any) -> Any:
    match choice:
        case {"type": "function", "name": str(name)}:
            return {"type": "function", "function": {"name": name}}
        case {"type": "allowed_tools", "mode": mode, "tools": list(allowed)}:
            tools = [_choice(tool) for tool in allowed]
            return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": tools}}
        case "none" | "auto" | "required":
            return choice
    raise bad_request(
        'tool_choice must be "none", "auto", "required" or name a function', "tool_choice"
    )


def _format(form: Any) -> Any:
    match form:
        case {"type": "json_schema", "schema": schema}:
            named = {key: form[key] for key in ("name", "description", "strict") if key in form}
            return {"type": "json_schema", "json_schema": {**named, "schema": schema}}
    return form
