"""published.toml: what others measured, each figure with its source, software and date."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).parent / "published.toml"


@dataclass(frozen=True, kw_only=True)
class Figure:
    """What every published row says; published.toml explains the fields."""

    architecture: str
    model: str
    date: str
    source: str
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class OnChips(Figure):
    """A row about accelerator chips that can be rented."""

    instance_type: str
    chips: int
    configuration: str
    precision: str
    software: str


@dataclass(frozen=True, kw_only=True)
class Serving(OnChips):
    """Tokens of the answers per second, of prompts and answers of that length."""

    input_tokens: int
    output_tokens: int
    load: str
    output_tokens_per_second: float


@dataclass(frozen=True, kw_only=True)
class Training(OnChips):
    """Tokens trained on per second; `derived` says how, from what was published."""

    sequence_length: int
    tokens_per_second: float
    derived: str


@dataclass(frozen=True, kw_only=True)
class Bedrock(Figure):
    """The price of tokens, on demand."""

    usd_per_million_input_tokens: float
    usd_per_million_output_tokens: float

    def usd_per_million_answered(self, input_tokens: float, output_tokens: float) -> float:
        """Per million output tokens, each with its share of a prompt of that length."""
        prompts = input_tokens / output_tokens * self.usd_per_million_input_tokens
        return self.usd_per_million_output_tokens + prompts


@dataclass(frozen=True, kw_only=True)
class Computing:
    """Iterations of a benchmark of processors per second, by a whole instance."""

    benchmark: str
    processor: str
    instance_type: str
    iterations_per_second: float
    software: str
    date: str
    source: str
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Unmeasured:
    """Hardware that a buyer asks for and no row is about, and why."""

    hardware: str
    why: str
    source: str
    instance_type: str | None = None


@dataclass(frozen=True, kw_only=True)
class Published:
    """All rows."""

    serving: tuple[Serving, ...]
    training: tuple[Training, ...]
    bedrock: tuple[Bedrock, ...]
    computing: tuple[Computing, ...] = ()
    unmeasured: tuple[Unmeasured, ...] = ()


def read(text: str) -> Published:
    """The rows of a published.toml; a TypeError names a field that is missing or unknown."""
    raw = tomllib.loads(text)
    return Published(
        serving=tuple(Serving(**row) for row in raw["serving"]),
        training=tuple(Training(**row) for row in raw["training"]),
        bedrock=tuple(Bedrock(**row) for row in raw["bedrock"]),
        computing=tuple(Computing(**row) for row in raw.get("computing", ())),
        unmeasured=tuple(Unmeasured(**row) for row in raw.get("unmeasured", ())),
    )


PUBLISHED = read(FILE.read_text("utf-8"))
