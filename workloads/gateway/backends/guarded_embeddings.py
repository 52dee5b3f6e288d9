"""Texts to be embedded, held against a guardrail: no model's server does that, nor does Bedrock."""

from workloads.gateway.config import GuardrailConfig
from workloads.gateway.errors import ApiError, bad_request
from workloads.gateway.guardrails import Guard
from workloads.gateway.surfaces.embeddings import EmbeddingCall


async def check_input(call: EmbeddingCall, guard: Guard, guardrail: GuardrailConfig) -> None:
    """Mask the call's texts where the guardrail masks.

    Raises ApiError 400 where they may not be embedded, with the guardrail's own sentence: there is
    no answer that could say it.
    """
    if "messages" in call.body:  # which vLLM would embed instead
        raise bad_request("behind a guardrail this model embeds input; leave messages out")
    verdict = await guard.check(guardrail, "INPUT", call.texts)
    if verdict.blocked is not None:
        raise ApiError(400, verdict.blocked, code="content_filter", param="input")
    given = call.body["input"]
    masked = verdict.texts[0] if isinstance(given, str) else verdict.texts
    call.body = {**call.body, "input": masked}
