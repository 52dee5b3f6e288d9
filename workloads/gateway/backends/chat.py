"""One chat completion on its way, and what every backend does with it."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any, Protocol

from workloads.gateway.usage import Usage


@dataclass(slots=True)
class Chat:
    """A request in OpenAI's form.

    `body` is the client's JSON object with `model` and `messages` checked, nothing else.
    `usage` is filled by the backend as soon as the model reports it.
    """

    body: dict[str, Any]
    id: str
    created: int  # seconds since the epoch
    include_usage: bool  # the client of a stream wants a chunk with the usage
    usage: Usage | None = None


class Backend(Protocol):
    """Whatever answers for one model."""

    async def complete(self, chat: Chat) -> bytes:
        """The whole answer: a `chat.completion` object as JSON. Raises ApiError."""

    def stream(self, chat: Chat) -> AsyncGenerator[bytes]:
        """The answer as server-sent events of `chat.completion.chunk`, without `[DONE]`.

        Nothing comes before the first piece of content, so an ApiError raised before it can
        still become an HTTP error. One raised later means that the answer is cut off.
        """
