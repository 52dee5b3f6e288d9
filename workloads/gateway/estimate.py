"""How many tokens a request may take, told from its JSON before any model has seen it."""

from typing import Any, NamedTuple

BYTES_PER_TOKEN = 4  # OpenAI's and Anthropic's rule of thumb for English text
SMALL = 16_384  # bytes of a request that is not looked into
MEDIA_TOKENS = 1_600  # what Claude takes for the largest image it does not scale down
MEDIA = 4_096  # characters of base64 at the begin of an image or a file
# Where OpenAI's and Anthropic's requests limit the answer, the first one first.
_LIMITS = ["max_completion_tokens", "max_tokens", "max_output_tokens"]


class Estimate(NamedTuple):
    """Tokens of the input, and the most there may be in the answer; None: no limit was given."""

    input: int
    output: int | None


def estimate(request: Any, size: int) -> Estimate:
    """Of a request of any surface, `size` bytes long."""
    if size > SMALL:
        size = _text(request)
    output = None
    inference = request.get("inferenceConfig")
    fields, names = (inference, ["maxTokens"]) if type(inference) is dict else (request, _LIMITS)
    for name in names:
        limit = fields.get(name)
        if type(limit) is int and limit > 0:
            output = limit
            break
    if output is not None and type(choices := request.get("n")) is int and choices > 0:
        output *= choices
    return Estimate(size // BYTES_PER_TOKEN + 1, output)


def _text(value: Any) -> int:
    """Bytes of every text in a value, about; an image or a file is as many as its tokens' worth."""
    if isinstance(value, str):
        if not value.isascii():
            return len(value) * 3
        if len(value) > MEDIA and " " not in value[:MEDIA]:
            return MEDIA_TOKENS * BYTES_PER_TOKEN
        return len(value)
    if isinstance(value, dict):
        return sum(_text(part) for part in value.values())
    if isinstance(value, list):
        return sum(_text(part) for part in value)
    return 1
