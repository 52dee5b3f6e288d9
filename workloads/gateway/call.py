"""One request for an answer, between the API its client speaks and the one its model's server does.

The form in the middle is that of Bedrock's Converse, which says the most of the three: the JSON
objects of its request and answer, and the pairs of type and object of its stream. Every surface is
translated to and from it, and so is every backend; no surface knows a backend.
"""

from collections.abc import AsyncGenerator
from typing import Any, Protocol

from workloads.gateway.caller import Caller
from workloads.gateway.surfaces.embeddings import EmbeddingCall
from workloads.gateway.surfaces.links import Link
from workloads.gateway.usage import Usage

Json = dict[str, Any]


class Writer(Protocol):
    """Writes one streamed answer in the client's form."""

    def write(self, kind: str, event: Json) -> bytes:
        """What the client gets for one event; nothing before the first piece of content.

        Raises KeyError, TypeError or AttributeError where the event is none of Converse's.
        """

    def write_texts(self, events: list[Json], texts: list[str]) -> bytes:
        """The same for several `events` of type `contentBlockDelta` at once, which say `texts`."""

    def finish(self) -> bytes:
        """The end of a whole stream."""


class Call(Protocol):
    """What a client asks, in the form of its own API.

    `usage` is filled by the backend as soon as the model reports it, and `ending` with what closes
    the stream once the answer is whole. `chat` is the body of the
    request where it is OpenAI's: a server with that API gets it as it is, unknown fields and all,
    and where it is `relayed`, so does the client the server's answer.
    `caller` is known before any backend is asked.
    """

    caller: Caller | None
    model: str
    stream: bool
    usage: Usage | None
    ending: bytes
    chat: Json | None
    relayed: bool
    choices: int  # how many answers are wanted; more than one makes it a call of `Several`

    def links(self) -> list[Link]:
        """Images that are still to be fetched from their addresses."""

    def converse_request(self) -> Json:
        """The request in Converse's form. Raises ApiError 400 for what that cannot say."""

    def answer(self, model: str, answer: Json) -> bytes:
        """The whole answer of `model` in the client's form.

        Raises KeyError, TypeError or AttributeError where `answer` is none of Converse's.
        """

    def writer(self, model: str) -> Writer:
        """For the one stream that `model` answers with."""


class Backend(Protocol):
    """Whatever answers for one model.

    `settles`: it goes on, and bills, when nobody reads its answer any more; so the answer is read
    to its end, where the usage stands. Another one is spared the work by closing the connection.
    """

    settles: bool

    async def complete(self, call: Call) -> bytes:
        """The whole answer in the client's form. Raises ApiError."""

    def stream(self, call: Call) -> AsyncGenerator[bytes]:
        """The answer in pieces of the client's form, all but the `ending`.

        Nothing comes before the first piece of content, so an ApiError raised before it can
        still become an HTTP error. One raised later means that the answer is cut off.
        """

    async def count_tokens(self, call: Call) -> int:
        """How many tokens the request would take as input. Raises ApiError."""

    async def embed(self, call: EmbeddingCall) -> bytes:
        """The embeddings in OpenAI's form; sets the call's usage. Raises ApiError."""
