"""Models that are not Bedrock's, held to a Bedrock guardrail: what is asked and what is said.

As with Bedrock's own, all messages but the system's are checked before the model is asked, and its
text and reasoning before they are sent; besides, images, what tools gave, and the arguments they
are called with.
"""

from collections.abc import AsyncGenerator

import orjson

from workloads.gateway.backends.guarded_call import CheckedCall
from workloads.gateway.backends.guarded_content import Content, spoken, told
from workloads.gateway.backends.guarded_embeddings import check_input
from workloads.gateway.backends.openai_form import chat_body
from workloads.gateway.call import Backend, Call, Json
from workloads.gateway.caller import guardrail_of
from workloads.gateway.config import GuardrailConfig
from workloads.gateway.encoding import encoded
from workloads.gateway.errors import bad_request, unavailable
from workloads.gateway.guardrails import Guard
from workloads.gateway.surfaces.embeddings import EmbeddingCall


class Guarded:
    """A `backend` behind the tenant's guardrail, else `guardrail`; without either it is as it is.

    `guard` is None where the gateway needs nothing else of AWS: then a tenant's guardrail, which
    comes from outside of the gateway's file, cannot be applied, and its requests are refused.
    """

    def __init__(
        self, backend: Backend, *, name: str, guard: Guard | None, guardrail: GuardrailConfig | None
    ) -> None:
        self._backend = backend
        self._name = name
        self._guard = guard
        self._guardrail = guardrail
        self.settles = backend.settles

    async def complete(self, call: Call) -> bytes:
        guardrail = guardrail_of(call.caller, self._guardrail)
        if guardrail is None:
            return await self._backend.complete(call)
        checked = CheckedChat(call, self._name, self._applied(), guardrail)
        return await checked.completed(lambda: self._backend.complete(checked))

    def stream(self, call: Call) -> AsyncGenerator[bytes]:
        guardrail = guardrail_of(call.caller, self._guardrail)
        if guardrail is None:
            return self._backend.stream(call)
        checked = CheckedChat(call, self._name, self._applied(), guardrail)
        return checked.streamed(lambda: self._backend.stream(checked))

    async def count_tokens(self, call: Call) -> int:
        return await self._backend.count_tokens(call)

    async def embed(self, call: EmbeddingCall) -> bytes:
        guardrail = guardrail_of(call.caller, self._guardrail)
        if guardrail is not None:
            await check_input(call, self._applied(), guardrail)
        return await self._backend.embed(call)

    def _applied(self) -> Guard:
        if self._guard is None:
            raise unavailable(
                "this key's guardrail cannot be applied here: there is no AWS account"
            )
        return self._guard


class CheckedChat(CheckedCall):
    """In OpenAI's form, of which everything is checked.

    Raises ApiError 400 for what a checked answer cannot have.
    """

    forms = frozenset({"text", "reasoning", "arguments"})

    def __init__(self, call: Call, name: str, guard: Guard, guardrail: GuardrailConfig) -> None:
        super().__init__(call, name, guard, guardrail)
        chat = chat_body(call)
        if chat.get("n") not in (None, 1):
            raise bad_request("behind a guardrail this model gives one choice; n must be 1", "n")
        if chat.get("logprobs"):
            raise bad_request("behind a guardrail this model gives no logprobs", "logprobs")
        # A copy, as another model may be asked the same after this one.
        self._messages = orjson.loads(encoded(chat["messages"]))
        self.chat = {**chat, "messages": self._messages}

    def asked(self) -> Content:
        return told(self._messages)

    def said(self, answer: Json) -> Content:
        return spoken(answer)
