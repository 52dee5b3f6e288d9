"""Tokens of one answer and what they cost."""

from typing import Any, NamedTuple

from workloads.gateway.config import PriceConfig

# Of one kind in one answer. A server that tells more is wrong, and what it costs would not be an
# integer of 64 bits any more, which the ledger could never write.
MOST_TOKENS = 1_000_000_000


class Usage(NamedTuple):
    """Tokens by the way they are charged; the four do not overlap.

    Bedrock counts this way. OpenAI's `prompt_tokens` includes the cached ones.
    """

    input: int
    output: int
    cache_read: int = 0
    cache_write: int = 0

    @property
    def total(self) -> int:
        return self.input + self.output + self.cache_read + self.cache_write

    def cost(self, price: PriceConfig) -> int:
        """What the tokens cost, in picodollars (10^-12 USD)."""
        input, output, cache_read, cache_write = price.picodollars
        return (
            self.input * input
            + self.output * output
            + self.cache_read * cache_read
            + self.cache_write * cache_write
        )

    def to_openai(self) -> dict[str, Any]:
        """The `usage` object of OpenAI's answers."""
        prompt = self.input + self.cache_read + self.cache_write
        return {
            "prompt_tokens": prompt,
            "completion_tokens": self.output,
            "total_tokens": prompt + self.output,
            "prompt_tokens_details": {"cached_tokens": self.cache_read},
        }

    def to_converse(self) -> dict[str, Any]:
        """The `usage` object of Bedrock's Converse."""
        usage = {
            "inputTokens": self.input,
            "outputTokens": self.output,
            "totalTokens": self.total,
        }
        if self.cache_read or self.cache_write:
            usage["cacheReadInputTokens"] = self.cache_read
            usage["cacheWriteInputTokens"] = self.cache_write
        return usage

    @classmethod
    def from_openai(cls, usage: Any) -> "Usage | None":
        """From an OpenAI-compatible server's `usage`; None where it counts nothing."""
        if not isinstance(usage, dict):
            return None
        details = usage.get("prompt_tokens_details")
        prompt, output = _counts(usage, "prompt_tokens", "completion_tokens")
        [cached] = _counts(details, "cached_tokens") if isinstance(details, dict) else [0]
        cached = min(cached, prompt)
        return cls(input=prompt - cached, output=output, cache_read=cached)

    @classmethod
    def from_converse(cls, usage: Any) -> "Usage | None":
        """From the `usage` of Bedrock's Converse."""
        if not isinstance(usage, dict):
            return None
        return cls(*_counts(usage, *_CONVERSE))


# As Bedrock calls them, in the order of Usage.
_CONVERSE = ("inputTokens", "outputTokens", "cacheReadInputTokens", "cacheWriteInputTokens")


def _counts(usage: dict[str, Any], *keys: str) -> list[int]:
    """The values of the keys; zero where there is no count."""
    return [
        value if isinstance(value, int) and 0 < value <= MOST_TOKENS else 0
        for value in map(usage.get, keys)
    ]
