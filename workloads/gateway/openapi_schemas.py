"""What the gateway reads and answers, as JSON schemas for its OpenAPI description."""

from typing import Any

from workloads.gateway.call import Json


def object_(required: list[str], **properties: Any) -> Json:
    return {"type": "object", "required": required, "properties": properties}


def list_(items: Json, **limits: Any) -> Json:
    return {"type": "array", "items": items, **limits}


def enum(*values: str) -> Json:
    return {"type": "string", "enum": list(values)}


def ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


TEXT: Json = {"type": "string"}
WHOLE: Json = {"type": "integer", "minimum": 0}
POSITIVE: Json = {"type": "integer", "minimum": 1}
SHARE: Json = {"type": "number", "minimum": 0, "maximum": 1}
FLAG: Json = {"type": "boolean"}
ANY: Json = {"type": "object"}
NAME: Json = {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"}

_CHAT_PART = {
    "anyOf": [
        object_(["type", "text"], type=enum("text"), text=TEXT),
        object_(
            ["type", "image_url"], type=enum("image_url"), image_url=object_(["url"], url=TEXT)
        ),
    ]
}
_MESSAGES_PART = {
    "anyOf": [
        object_(["type", "text"], type=enum("text"), text=TEXT),
        object_(["type", "source"], type=enum("image", "document"), source=ANY),
        object_(
            ["type", "id", "name", "input"], type=enum("tool_use"), id=NAME, name=NAME, input=ANY
        ),
        object_(["type", "tool_use_id"], type=enum("tool_result"), tool_use_id=NAME, content=TEXT),
        object_(["type", "thinking"], type=enum("thinking"), thinking=TEXT, signature=TEXT),
    ]
}
_CONVERSE_BLOCK = {
    "anyOf": [
        object_(["text"], text=TEXT),
        object_(["image"], image=object_(["format", "source"], format=TEXT, source=ANY)),
        object_(
            ["toolUse"], toolUse=object_(["toolUseId", "name", "input"], toolUseId=NAME, name=NAME)
        ),
        object_(["toolResult"], toolResult=object_(["toolUseId", "content"], toolUseId=NAME)),
    ]
}
SCHEMAS: Json = {
    "ChatRequest": object_(
        ["model", "messages"],
        model=TEXT,
        messages=list_(
            object_(
                ["role"],
                role=enum("system", "developer", "user", "assistant", "tool"),
                content={"anyOf": [TEXT, list_(_CHAT_PART)]},
                tool_calls=list_(
                    object_(
                        ["id", "function"],
                        id=NAME,
                        function=object_(["name", "arguments"], name=NAME, arguments=TEXT),
                    )
                ),
                tool_call_id=NAME,
            ),
            minItems=1,
        ),
        stream=FLAG,
        stream_options=object_([], include_usage=FLAG),
        max_tokens=POSITIVE,
        max_completion_tokens=POSITIVE,
        temperature=SHARE,
        top_p=SHARE,
        n=POSITIVE,
        stop={"anyOf": [TEXT, list_(TEXT)]},
        tools=list_(
            object_(
                ["type", "function"],
                type=enum("function"),
                function=object_(["name"], name=NAME, description=TEXT, parameters=ANY),
            )
        ),
        tool_choice={"anyOf": [enum("none", "auto", "required"), ANY]},
        response_format=object_(
            ["type"], type=enum("text", "json_object", "json_schema"), json_schema=ANY
        ),
        reasoning_effort=enum("none", "minimal", "low", "medium", "high", "xhigh"),
    ),
    "Completion": object_(
        ["id", "object", "model", "choices"], id=TEXT, object=TEXT, model=TEXT, choices=list_(ANY)
    ),
    "ResponsesRequest": object_(
        ["model", "input"],
        model=TEXT,
        input={
            "anyOf": [
                {"type": "string", "minLength": 1},
                list_(
                    object_(
                        ["role", "content"],
                        role=enum("system", "developer", "user", "assistant"),
                        content=TEXT,
                    ),
                    minItems=1,
                ),
            ]
        },
        instructions=TEXT,
        stream=FLAG,
        store={"const": False},
        max_output_tokens=POSITIVE,
        temperature=SHARE,
        top_p=SHARE,
        tools=list_(
            object_(
                ["type", "name"],
                type=enum("function"),
                name=NAME,
                description=TEXT,
                parameters=ANY,
            )
        ),
        tool_choice={"anyOf": [enum("none", "auto", "required"), ANY]},
        text=ANY,
        reasoning=ANY,
    ),
    "Response": object_(
        ["id", "object", "status", "model", "output"],
        id=TEXT,
        object=enum("response"),
        status=enum("completed", "incomplete"),
        model=TEXT,
        output=list_(ANY),
    ),
    "EmbeddingRequest": object_(
        ["model", "input"],
        model=TEXT,
        input={
            "anyOf": [{"type": "string", "minLength": 1}, list_(TEXT, minItems=1, maxItems=2048)]
        },
        encoding_format=enum("float", "base64"),
        dimensions=POSITIVE,
    ),
    "Embeddings": object_(["object", "data", "model"], object=TEXT, data=list_(ANY), model=TEXT),
    "MessagesRequest": object_(
        ["model", "messages"],
        model=TEXT,
        max_tokens=POSITIVE,
        messages=list_(
            object_(
                ["role", "content"],
                role=enum("user", "assistant"),
                content={"anyOf": [TEXT, list_(_MESSAGES_PART)]},
            ),
            minItems=1,
        ),
        system={"anyOf": [TEXT, list_(object_(["type", "text"], type=enum("text"), text=TEXT))]},
        stream=FLAG,
        temperature=SHARE,
        top_p=SHARE,
        top_k=WHOLE,
        stop_sequences=list_(TEXT),
        tools=list_(
            object_(["name", "input_schema"], name=NAME, description=TEXT, input_schema=ANY)
        ),
        tool_choice=object_(["type"], type=enum("auto", "any", "tool", "none"), name=NAME),
        thinking=ANY,
        output_config=ANY,
    ),
    "Message": object_(
        ["id", "type", "role", "model", "content", "usage"],
        id=TEXT,
        type=enum("message"),
        content=list_(ANY),
        usage=ANY,
    ),
    "ConverseRequest": object_(
        ["messages"],
        messages=list_(
            object_(
                ["role", "content"],
                role=enum("user", "assistant"),
                content=list_(_CONVERSE_BLOCK, minItems=1),
            ),
            minItems=1,
        ),
        system=list_(object_(["text"], text=TEXT)),
        inferenceConfig=object_(
            [], maxTokens=POSITIVE, temperature=SHARE, topP=SHARE, stopSequences=list_(TEXT)
        ),
        toolConfig=object_(
            ["tools"],
            tools=list_(
                object_(
                    ["toolSpec"],
                    toolSpec=object_(
                        ["name", "inputSchema"], name=NAME, inputSchema=object_(["json"], json=ANY)
                    ),
                ),
                minItems=1,
            ),
        ),
        outputConfig=ANY,
        additionalModelRequestFields=ANY,
    ),
    "ConverseAnswer": object_(
        ["output", "stopReason", "usage"], output=ANY, stopReason=TEXT, usage=ANY
    ),
    "Model": object_(["id", "object", "type"], id=TEXT, object=enum("model"), type=enum("model")),
    "Usage": object_(
        ["day", "tenant", "model", "requests", "unsettled", "cost_usd"],
        day={"type": "string", "format": "date"},
        tenant=TEXT,
        model=TEXT,
        requests=WHOLE,
        unsettled=WHOLE,
        input_tokens=WHOLE,
        output_tokens=WHOLE,
        cache_read_tokens=WHOLE,
        cache_write_tokens=WHOLE,
        cost_usd={"type": "number", "minimum": 0},
    ),
    "OpenAIError": object_(
        ["error"],
        error=object_(
            ["message", "type"],
            message=TEXT,
            type=TEXT,
            param={"type": ["string", "null"]},
            code={"type": ["string", "null"]},
        ),
    ),
    "AnthropicError": object_(
        ["type", "error", "request_id"],
        type=enum("error"),
        error=object_(["type", "message"], type=TEXT, message=TEXT),
        request_id=TEXT,
    ),
    "BedrockError": object_(["message"], message=TEXT),
}
