"""Texts and images held against a Bedrock guardrail without a model of Bedrock: its ApplyGuardrail.

Shapes: the `bedrock-runtime` service model of botocore, operation ApplyGuardrail.
"""

import logging
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, Literal, NamedTuple
from urllib.parse import quote

import orjson

from workloads.gateway.backends.failures import aws_failure
from workloads.gateway.call import Json
from workloads.gateway.config import GuardrailConfig
from workloads.gateway.errors import ApiError, bad_request
from workloads.gateway.upstream import Target, Upstream

# In one request: 25 text units of 1,000 characters, the default quota of a second (AWS General
# Reference, "Amazon Bedrock endpoints and quotas").
MOST_CHARACTERS = 25_000
# Images in one request, and bytes of one (Bedrock user guide, "Block harmful images with content
# filters": https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-mmfilter.html).
MOST_IMAGES = 20
MOST_IMAGE_BYTES = 4_000_000

Source = Literal["INPUT", "OUTPUT"]

log = logging.getLogger(__name__)


class Image(NamedTuple):
    """A PNG or JPEG: its `kind`, "png" or "jpeg", and its bytes as base64."""

    kind: str
    data: str


class Verdict(NamedTuple):
    """What a guardrail leaves of texts: each of them, masked where it masks.

    `blocked` is what is said instead, where one of them, or an image, may not pass at all.
    """

    texts: list[str]
    blocked: str | None = None


class Guard:
    """Applies any guardrail. `bedrock` is the signed upstream of `bedrock-runtime`."""

    def __init__(self, bedrock: Upstream) -> None:
        self._bedrock = bedrock
        self._target = cache(self._new_target)

    async def check(
        self,
        guardrail: GuardrailConfig,
        source: Source,
        texts: list[str],
        images: Sequence[Image] = (),
    ) -> Verdict:
        """What may pass of `texts`, in their order. Raises ApiError where nobody can tell.

        Images are asked about by themselves: of texts beside them nobody could tell which of the
        guardrail's outputs is whose.
        """
        for start in range(0, len(images), MOST_IMAGES):
            blocked = await self._images(guardrail, source, images[start : start + MOST_IMAGES])
            if blocked is not None:
                return Verdict([], blocked)
        passed = [""] * len(texts)
        for batch in _batches(texts):
            verdict = await self._batch(guardrail, source, [piece for _, piece in batch])
            if verdict.blocked is not None:
                return verdict
            for (number, _), piece in zip(batch, verdict.texts, strict=True):
                passed[number] += piece
        return Verdict(passed)

    async def _batch(self, guardrail: GuardrailConfig, source: Source, texts: list[str]) -> Verdict:
        answer = await self._apply(guardrail, source, [{"text": {"text": t}} for t in texts])
        try:
            if answer["action"] == "NONE":
                return Verdict(texts)
            outputs = [output["text"] for output in answer["outputs"]]
            actions = set(_actions(answer["assessments"]))
        except (KeyError, TypeError) as error:
            raise _not_applied() from error
        if "BLOCKED" in actions or "ANONYMIZED" not in actions:
            return Verdict([], "".join(outputs))
        if len(outputs) == len(texts):
            return Verdict(outputs)
        if len(texts) == 1:
            return Verdict(["".join(outputs)])
        # Which output belongs to which text can be told one by one only.
        verdicts = [await self._batch(guardrail, source, [text]) for text in texts]
        blocked = next((v.blocked for v in verdicts if v.blocked is not None), None)
        return Verdict([text for verdict in verdicts for text in verdict.texts], blocked)

    async def _images(
        self, guardrail: GuardrailConfig, source: Source, images: Sequence[Image]
    ) -> str | None:
        """What is said instead of them; None where they may pass."""
        blocks = [{"image": {"format": i.kind, "source": {"bytes": i.data}}} for i in images]
        answer = await self._apply(guardrail, source, blocks)
        try:
            if answer["action"] == "NONE":
                return None
            return "".join(output["text"] for output in answer["outputs"])
        except (KeyError, TypeError) as error:
            raise _not_applied() from error

    async def _apply(self, guardrail: GuardrailConfig, source: Source, content: list[Json]) -> Json:
        body = orjson.dumps({"source": source, "content": content})
        headers = {"content-type": "application/json"}
        try:
            async with self._bedrock.post(self._target(guardrail), body, headers) as response:
                answer = await response.read()
                if response.status != 200:
                    raise aws_failure("the guardrail", response, answer)
            verdict: Json = orjson.loads(answer)
        except ApiError as error:
            if error.status == 429 and source == "INPUT":
                raise
            if error.status == 400 and "image" in content[0]:
                raise bad_request("the guardrail cannot read an image of the request") from error
            # Not its message, which may quote the text.
            log.error("the guardrail cannot be applied: %d %s", error.status, error.code)
            raise _not_applied(error.retry_after) from error
        except ValueError as error:
            raise _not_applied() from error
        return verdict

    def _new_target(self, guardrail: GuardrailConfig) -> Target:
        id = quote(guardrail.id, safe="")
        return self._bedrock.target(f"/guardrail/{id}/version/{guardrail.version}/apply")


def _not_applied(retry_after: int | None = None) -> ApiError:
    # Not `elsewhere`: a tenant's guardrail that is gone says nothing of the model behind it; and
    # a model that has answered is not asked, and paid, again because its answer waits for a check.
    return ApiError(
        502,
        "the guardrail cannot be applied",
        type="server_error",
        code="guardrail_unavailable",
        retry_after=retry_after,
    )


def _actions(assessments: Any) -> Iterator[str]:
    """Every `action` anywhere in the assessments, whatever policies there are by now."""
    if isinstance(assessments, dict):
        if isinstance(action := assessments.get("action"), str):
            yield action
        assessments = list(assessments.values())
    if isinstance(assessments, list):
        for part in assessments:
            yield from _actions(part)


def _batches(texts: list[str]) -> Iterator[list[tuple[int, str]]]:
    """The texts, cut where one is too long for a request, each piece with its text's number."""
    batch: list[tuple[int, str]] = []
    room = MOST_CHARACTERS
    for number, text in enumerate(texts):
        for piece in _pieces(text):
            if len(piece) > room:
                yield batch
                batch, room = [], MOST_CHARACTERS
            batch.append((number, piece))
            room -= len(piece)
    if batch:
        yield batch


def _pieces(text: str) -> Iterator[str]:
    while len(text) > MOST_CHARACTERS:
        cut = word_end(text[:MOST_CHARACTERS])
        yield text[:cut]
        text = text[cut:]
    if text:
        yield text


def word_end(text: str) -> int:
    """Where to cut `text` so that no word, and nothing like a name or number, is in two halves."""
    stop = max(text.rfind(" "), text.rfind("\n")) + 1
    return stop or len(text)
