"""What a preparation depends on besides its input; equal settings give equal bytes."""

from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

QUALITY, PERSONAL, DUPLICATES, NEAR = "quality", "personal", "duplicates", "near-duplicates"
STEPS = (QUALITY, PERSONAL, DUPLICATES, NEAR)

# One higher whenever a stage would write other bytes for the same input.
EDITION = 1


@dataclass(frozen=True, kw_only=True)
class Settings:
    """`skip` names STEPS to leave out; sizes in bytes are those that memory is bounded by."""

    vocabulary: int = 1024
    sequence_length: int = 256
    tokenizer: str | None = None  # a given tokenizer's rules, JSON, instead of one to learn
    marks: tuple[str, str] = ("", "")  # the given tokenizer's begin and end
    text_key: str = "text"  # of a JSON object, or a Parquet column
    skip: tuple[str, ...] = ()
    row_bytes: int = 64 << 20  # a longer row is quarantined
    part_bytes: int = 32 << 20  # of input that one task takes
    shard_bytes: int = 64 << 20
    sample_bytes: int = 64 << 20  # of text that a tokenizer is learnt from

    def does(self, step: str) -> bool:
        return step not in self.skip

    def table(self) -> dict[str, Any]:
        """What the manifest says of them."""
        return {
            "text_key": self.text_key,
            "skip": sorted(self.skip),
            "row_bytes": self.row_bytes,
            "part_bytes": self.part_bytes,
            "sample_bytes": self.sample_bytes,
            "tokenizer": "given" if self.tokenizer else "learnt",
            "edition": EDITION,
        }


def versions() -> dict[str, str]:
    """The libraries whose versions the bytes depend on."""
    return {name: version(name) for name in ("numpy", "orjson", "pyarrow", "tokenizers")}
