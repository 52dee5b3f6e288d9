"""Requests as OpenAI's API defines them, as far as this server answers them."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from workloads.serve.engine import Engine, Sampling

# Options of the API that this server cannot honour, and the value that asks for nothing.
UNSUPPORTED: dict[str, Any] = {
    "n": 1,
    "best_of": 1,
    "echo": False,
    "suffix": "",
    "logprobs": False,
    "tools": [],
    "functions": [],
    "logit_bias": {},
    "presence_penalty": 0,
    "frequency_penalty": 0,
    "response_format": {"type": "text"},
}


class RequestError(ValueError):
    """A request that cannot be answered; carries what OpenAI's error envelope tells."""

    def __init__(
        self, message: str, *, parameter: str | None = None, code: str | None = None,
        status: int = 400,
    ) -> None:  # fmt: skip
        super().__init__(message)
        self.parameter = parameter
        self.code = code
        self.status = status


class Part(BaseModel):
    """A part of a message; only text is understood."""

    type: Literal["text"]
    text: str


class Message(BaseModel):
    """One turn of a conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[Part] | None = None

    @property
    def text(self) -> str:
        if isinstance(self.content, list):
            return "".join(part.text for part in self.content)
        return self.content or ""


class StreamOptions(BaseModel):
    """What a stream carries besides the text."""

    include_usage: bool = False


class Request(BaseModel):
    """What both kinds of completion share."""

    model_config = ConfigDict(extra="ignore")

    model: str
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    top_k: Annotated[int, Field(ge=-1)] | None = None  # vLLM's addition; -1 and 0: no limit
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    stop: str | list[str] | None = None
    stream: bool = False
    stream_options: StreamOptions | None = None

    @model_validator(mode="before")
    @classmethod
    def _refuse_unsupported(cls, body: Any) -> Any:
        for name, neutral in UNSUPPORTED.items() if isinstance(body, dict) else ():
            if body.get(name) not in (None, neutral):
                raise RequestError(
                    f"{name} = {body[name]!r} is not supported by this server", parameter=name
                )
        return body

    @property
    def with_usage(self) -> bool:
        return self.stream_options is not None and self.stream_options.include_usage

    def sampling(self, engine: Engine, prompt_tokens: int) -> Sampling:
        """The request's choices, else the model's own, else those of the API."""
        room = engine.context - prompt_tokens
        if prompt_tokens == 0 or room < 1:
            raise RequestError(
                f"the prompt has {prompt_tokens} tokens; this model takes 1 to"
                f" {engine.context - 1}, to leave room for an answer",
                parameter="prompt",
                code="context_length_exceeded" if prompt_tokens else None,
            )

        def first(name: str, otherwise: float) -> Any:
            asked = getattr(self, name)
            return asked if asked is not None else engine.defaults.get(name, otherwise)

        return Sampling(
            temperature=first("temperature", 1.0),
            top_p=first("top_p", 1.0),
            top_k=max(0, first("top_k", 0)),
            max_tokens=min(self._most_tokens() or room, room),
            seed=self.seed,
            stop=(self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ()),
        )

    def _most_tokens(self) -> int | None:
        return self.max_tokens


class ChatRequest(Request):
    """POST /v1/chat/completions."""

    messages: Annotated[list[Message], Field(min_length=1)]
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None

    def _most_tokens(self) -> int | None:
        return self.max_completion_tokens or self.max_tokens


class CompletionRequest(Request):
    """POST /v1/completions; a prompt is a text or its tokens."""

    prompt: str | list[Annotated[int, Field(ge=0)]]


def explain(error: ValidationError) -> RequestError:
    """The first thing wrong with a request, in a sentence."""
    first = error.errors()[0]
    if isinstance(ours := first.get("ctx", {}).get("error"), RequestError):
        return ours
    place = ".".join(str(part) for part in first["loc"])
    if not place:
        return RequestError("the body is not a JSON object")
    if first["type"] == "missing":
        return RequestError(f"{place} is missing", parameter=place)
    given = repr(first["input"])[:100]
    reason = first["msg"][0].lower() + first["msg"][1:]
    return RequestError(f"{place} = {given}: {reason}", parameter=place)
