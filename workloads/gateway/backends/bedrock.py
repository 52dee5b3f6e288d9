"""Models of Amazon Bedrock, through Converse and ConverseStream."""

import asyncio
import re
import struct
from collections.abc import AsyncGenerator, Mapping
from typing import cast
from urllib.parse import quote

import orjson

from workloads.gateway.backends.attribution import add_metadata, metadata
from workloads.gateway.backends.bedrock_embeddings import embedding_requests, embedding_vectors
from workloads.gateway.backends.choices import Several, complete_choices, stream_choices
from workloads.gateway.backends.converse_stream import ConverseReader
from workloads.gateway.backends.failures import aws_failure
from workloads.gateway.backends.guarded_bedrock import CheckedTools, without_marks
from workloads.gateway.backends.guarded_embeddings import check_input
from workloads.gateway.call import Call, Json
from workloads.gateway.caller import guardrail_of
from workloads.gateway.config import GuardrailConfig
from workloads.gateway.encoding import encoded
from workloads.gateway.errors import ApiError, unavailable
from workloads.gateway.guardrails import Guard
from workloads.gateway.surfaces.embeddings import EmbeddingCall
from workloads.gateway.upstream import CUT, Target, Upstream
from workloads.gateway.usage import Usage

HEADERS = {"content-type": "application/json"}
EMBEDDED_AT_ONCE = 8  # requests for one client's texts
# CountTokens knows foundation models, not the profiles that route them across regions.
_PROFILE = re.compile(r"(us|us-gov|eu|apac|jp|au|ca|global)\.(?=[a-z0-9-]+\.)")


class BedrockModel:
    """One model of Bedrock: `model_id` is an id, an inference profile or an ARN."""

    settles = True

    def __init__(
        self,
        bedrock: Upstream,
        *,
        name: str,
        model_id: str,
        guard: Guard,
        guardrail: GuardrailConfig | None,
        profiles: Mapping[str, str],
    ) -> None:
        """`profiles`: ARNs that are asked instead of it for single tenants, by their names."""
        self._bedrock = bedrock
        self._name = name
        self._guard = guard
        self._guardrail = guardrail
        self._targets = _Targets(bedrock, model_id)
        self._profiles = {tenant: _Targets(bedrock, arn) for tenant, arn in profiles.items()}
        foundation = quote(_PROFILE.sub("", model_id, count=1), safe="")
        self._id = model_id
        self._count_tokens = bedrock.target(f"/model/{foundation}/count-tokens")

    async def complete(self, call: Call) -> bytes:
        if call.choices > 1:
            return await complete_choices(cast(Several, call), self._name, self.complete)
        request = self._request(call)
        if (checked := self._checked(call, request)) is None:
            return await self._complete(call, request)
        return await checked.completed(lambda: self._complete(checked, checked.request))

    async def _complete(self, call: Call, request: Json) -> bytes:
        body, _ = await self._post(self._of(call).converse, encoded(request))
        try:
            answer = orjson.loads(body)
            call.usage = Usage.from_converse(answer.get("usage"))
            return call.answer(self._name, answer)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise self._nonsense() from error

    def stream(self, call: Call) -> AsyncGenerator[bytes]:
        if call.choices > 1:
            return stream_choices(cast(Several, call), self._name, self._stream)
        return self._stream(call)

    def _stream(self, call: Call) -> AsyncGenerator[bytes]:
        request = self._request(call)
        if (checked := self._checked(call, request)) is None:
            return self._read(call, request)
        return checked.streamed(lambda: self._read(checked, checked.request))

    async def _read(self, call: Call, request: Json) -> AsyncGenerator[bytes]:
        body = encoded(request)
        reader = ConverseReader(call, self._bedrock.name, self._name)
        async with self._bedrock.post(self._of(call).converse_stream, body, HEADERS) as response:
            if response.status != 200:
                raise aws_failure(self._bedrock.name, response, await response.read())
            try:
                async for data in response.content.iter_any():
                    if events := reader.feed(data):
                        yield events
                    if reader.failure is not None:
                        raise reader.failure
            except CUT:
                if not reader.done:  # all has been said otherwise
                    raise
        call.ending = reader.finish()

    async def count_tokens(self, call: Call) -> int:
        request = call.converse_request()
        counted = ("messages", "system", "toolConfig", "additionalModelRequestFields")
        converse = {key: request[key] for key in counted if key in request}
        body = encoded({"input": {"converse": converse}})
        answer, _ = await self._post(self._count_tokens, body)
        try:
            return int(orjson.loads(answer)["inputTokens"])
        except (ValueError, KeyError, TypeError) as error:
            raise self._nonsense() from error

    async def embed(self, call: EmbeddingCall) -> bytes:
        guardrail = guardrail_of(call.caller, self._guardrail)
        if guardrail is not None:
            await check_input(call, self._guard, guardrail)
        requests = embedding_requests(self._id, call)
        slots = asyncio.Semaphore(EMBEDDED_AT_ONCE)
        invoke, headers = self._of(call).invoke, HEADERS
        if call.caller is not None:
            pairs = orjson.dumps(metadata(call.caller)).decode()
            headers = {**HEADERS, "x-amzn-bedrock-request-metadata": pairs}

        async def one(request: Json) -> tuple[list[list[float]], int]:
            async with slots:
                answer, tokens = await self._post(invoke, encoded(request), headers)
            return embedding_vectors(orjson.loads(answer)), tokens

        tasks = [asyncio.ensure_future(one(request)) for request in requests]
        try:
            parts = await asyncio.gather(*tasks)
            call.usage = Usage(input=sum(tokens for _, tokens in parts), output=0)
            return call.answer(self._name, [vector for vectors, _ in parts for vector in vectors])
        except (ValueError, LookupError, TypeError, AttributeError, struct.error) as error:
            raise self._nonsense() from error
        finally:
            for task in tasks:
                task.cancel()

    async def _post(
        self, target: Target, body: bytes, headers: Mapping[str, str] = HEADERS
    ) -> tuple[bytes, int]:
        """The answer, and the input tokens that InvokeModel's headers count."""
        async with self._bedrock.post(target, body, headers) as response:
            answer = await response.read()
            if response.status != 200:
                raise aws_failure(self._bedrock.name, response, answer)
            tokens = response.headers.get("x-amzn-bedrock-input-token-count", "")
            return answer, int(tokens) if tokens.isdecimal() else 0

    def _of(self, call: Call | EmbeddingCall) -> "_Targets":
        if self._profiles and call.caller is not None:
            return self._profiles.get(call.caller.tenant.name, self._targets)
        return self._targets

    def _call_one_tool(self, request: Json) -> None:
        """Ask for one call of a tool at a time, which Converse has no field for; Claude has."""
        if "claude" in self._id and (tools := request.get("toolConfig")):
            choice = tools.get("toolChoice") or {"auto": {}}
            [(kind, named)] = choice.items()
            single = {"type": kind, **named, "disable_parallel_tool_use": True}
            request["additionalModelRequestFields"] = {"tool_choice": single}

    def _checked(self, call: Call, request: Json) -> CheckedTools | None:
        """The call as it is held to a guardrail by the gateway itself, where it has tools."""
        guardrail = guardrail_of(call.caller, self._guardrail)
        if guardrail is None or "toolConfig" not in request:
            return None
        return CheckedTools(call, request, self._name, self._guard, guardrail)

    def _request(self, call: Call) -> Json:
        request: Json = call.converse_request()
        if call.chat is not None and call.chat.get("parallel_tool_calls") is False:
            self._call_one_tool(request)
        if call.caller is not None:
            add_metadata(request, call.caller)
        guardrail = guardrail_of(call.caller, self._guardrail)
        if guardrail is not None:  # the operator's, whatever the client asks for
            without_marks(request)
            asked = request.get("guardrailConfig")
            trace = asked.get("trace") if isinstance(asked, dict) else None
            request["guardrailConfig"] = {
                "guardrailIdentifier": guardrail.id,
                "guardrailVersion": guardrail.version,
                **({} if trace is None else {"trace": trace}),
                **({"streamProcessingMode": guardrail.stream_mode} if call.stream else {}),
            }
        return request

    def _nonsense(self) -> ApiError:
        return unavailable(f"{self._bedrock.name} sent an answer of unknown form", status=502)


class _Targets:
    """Where one model id, or one profile, is asked."""

    def __init__(self, bedrock: Upstream, model_id: str) -> None:
        path = f"/model/{quote(model_id, safe='')}"
        self.converse = bedrock.target(f"{path}/converse")
        self.converse_stream = bedrock.target(f"{path}/converse-stream")
        self.invoke = bedrock.target(f"{path}/invoke")
