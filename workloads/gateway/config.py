"""What a gateway file may say: the models, the guardrail and the tenants.

One schema for three readers: the gateway's own TOML file, the rows of the tenants' table,
and the `[gateway]` section of an environment file. Needs pydantic and nothing else.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)


class GatewayConfigError(ValueError):
    """A gateway file that cannot be used; the text names the key, the value and what is right."""


def _name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}", value):
        raise ValueError(
            f"{value!r} is not a name: up to 128 letters, digits and . _ : / - "
            "that start with a letter or a digit"
        )
    return value


def _sha256(value: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{64}", value):
        raise ValueError(
            f"{value!r} is not a SHA-256 in lower-case hex (64 digits); "
            "`printf %s KEY | sha256sum` prints a key's"
        )
    return value


def _url(value: str) -> str:
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number
        usable = False
    if not usable or parts.query or parts.fragment or parts.username is not None:
        raise ValueError(f"{value!r} is not a base URL such as http://127.0.0.1:8000/v1")
    return value.rstrip("/")


def _bedrock_model(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,2047}", value):
        raise ValueError(
            f"{value!r} is not a Bedrock model id, inference profile or ARN, "
            "such as amazon.nova-lite-v1:0"
        )
    return value


def _profile(value: str) -> str:
    if not re.fullmatch(
        r"arn:aws[a-z-]*:bedrock:[a-z0-9-]+:\d{12}:application-inference-profile/[A-Za-z0-9.:-]+",
        value,
    ):
        raise ValueError(
            f"{value!r} is not an application inference profile, such as "
            "arn:aws:bedrock:us-east-2:111122223333:application-inference-profile/abcdefgh1234"
        )
    return value


def _endpoint(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9](-*[A-Za-z0-9]){0,62}", value):
        raise ValueError(
            f"{value!r} is not a SageMaker endpoint name: up to 63 letters, digits and hyphens"
        )
    return value


Name = Annotated[str, AfterValidator(_name)]
Usd = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Section(BaseModel):
    """Base of every section: immutable, and a misspelt key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PriceConfig(Section):
    """What a model's tokens cost, in USD per million tokens.

    Cached tokens are charged as ordinary input where no price of their own is given, so that
    a forgotten price never makes them free.
    """

    input: Usd
    output: Usd
    cache_read: Usd | None = None
    cache_write: Usd | None = None

    @cached_property
    def picodollars(self) -> tuple[int, int, int, int]:
        """10^-12 USD per token: input, output, read from and written to the cache."""
        prices = (self.input, self.output, self.cache_read, self.cache_write)
        input, output, cache_read, cache_write = (
            round((self.input if price is None else price) * 1_000_000) for price in prices
        )
        return input, output, cache_read, cache_write


class ModelConfig(Section):
    """One model clients may ask for, and the one backend that answers.

    An OpenAI-compatible server is asked for the model by the same `name`. `concurrency` is how many
    requests it gets at a time from one gateway process; `deadline` how many seconds a client
    waits for a whole answer, fallbacks and all. `profiles` are application inference profiles of a
    Bedrock model, by the tenant they are asked for: the bill shows each under its own tags.
    """

    name: Name
    bedrock: Annotated[str, AfterValidator(_bedrock_model)] | None = None
    openai: Annotated[str, AfterValidator(_url)] | None = None
    sagemaker: Annotated[str, AfterValidator(_endpoint)] | None = None
    fallback: tuple[str, ...] = ()
    concurrency: Annotated[int, Field(ge=1)] | None = None
    deadline: Annotated[int, Field(ge=1, le=3600)] = 900
    price: PriceConfig | None = None
    profiles: dict[Name, Annotated[str, AfterValidator(_profile)]] | None = None

    @model_validator(mode="after")
    def _one_backend(self) -> Self:
        backends = {"bedrock": self.bedrock, "openai": self.openai, "sagemaker": self.sagemaker}
        given = [key for key, value in backends.items() if value is not None]
        if len(given) != 1:
            has = " and ".join(given) or "no backend"
            raise ValueError(
                f"model {self.name!r} has {has}; give exactly one of bedrock, openai, sagemaker"
            )
        if self.profiles and self.bedrock is None:
            raise ValueError(f"model {self.name!r} has profiles, which only a Bedrock model can")
        return self


class GuardrailConfig(Section):
    """The Bedrock guardrail that every request is held to.

    `stream_mode` is Bedrock's `streamProcessingMode`: whether a streamed answer waits for it, or is
    sent at once, unmasked, and cut off where it intervenes.
    """

    id: Annotated[str, Field(min_length=1, max_length=2048)]
    version: Annotated[str, Field(pattern=r"^([1-9][0-9]{0,7}|DRAFT)$")]
    stream_mode: Literal["sync", "async"] = "sync"


class TenantConfig(Section):
    """Who holds one API key, and how much they may ask for. Absent limits and models: any.

    Instead of a key it may have a `subject`: what a token's claim says of its owner, where the
    gateway has [jwt]. `created` and `expires` are seconds since the epoch; an `admin` sees
    everybody's usage.
    """

    name: Name
    key_sha256: Annotated[str, AfterValidator(_sha256)] | None = None
    subject: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    key_id: Name | None = None
    created: int | None = None
    expires: int | None = None
    requests_per_minute: Annotated[int, Field(ge=1)] | None = None
    tokens_per_minute: Annotated[int, Field(ge=1)] | None = None
    monthly_budget_usd: Usd | None = None
    models: tuple[str, ...] | None = None
    admin: bool = False
    guardrail: GuardrailConfig | None = None  # instead of the file's

    @model_validator(mode="after")
    def _one_credential(self) -> Self:
        if (self.key_sha256 is None) == (self.subject is None):
            raise ValueError(f"tenant {self.name!r} needs either key_sha256 or subject")
        return self

    @property
    def row_key(self) -> str:
        """What the tenant is found by; no digest is ever equal to a subject."""
        return self.key_sha256 or f"subject:{self.subject}"


class JwtConfig(Section):
    """Tokens that the load balancer has verified: which `claim` names the tenant's subject."""

    claim: Annotated[str, Field(min_length=1)]


class GatewayFile(Section):
    """A whole gateway file."""

    models: tuple[ModelConfig, ...]
    guardrail: GuardrailConfig | None = None
    remote_images: bool = False  # whether images are fetched from public addresses
    jwt: JwtConfig | None = None
    tenants: tuple[TenantConfig, ...] = ()

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        if not self.models:
            raise ValueError("models is empty; give at least one [[models]]")
        check_models(self.models)
        known = [model.name for model in self.models]
        _refuse_duplicates("tenant name", [tenant.name for tenant in self.tenants])
        _refuse_duplicates("tenant key_sha256", [tenant.row_key for tenant in self.tenants])
        for tenant in self.tenants:
            for name in tenant.models or ():
                if name not in known:
                    raise ValueError(
                        f"tenant {tenant.name!r} may use {name!r}, which is not a model; "
                        f"known: {', '.join(known)}"
                    )
        return self


def check_models(models: tuple[ModelConfig, ...]) -> None:
    """Refuse a model table with a name twice, an unknown fallback or a fallback to itself.

    Raises ValueError with a sentence.
    """
    table = {model.name: model for model in models}
    _refuse_duplicates("model name", [model.name for model in models])
    for model in models:
        for name in model.fallback:
            if name not in table:
                raise ValueError(
                    f"model {model.name!r} falls back to {name!r}, which is not a model; "
                    f"known: {', '.join(table)}"
                )
    for model in models:
        if cycle := _cycle(table, [model.name]):
            raise ValueError(
                f"fallbacks go in a circle: {' -> '.join(cycle)}; take one of them out"
            )


def _cycle(table: Mapping[str, ModelConfig], path: list[str]) -> list[str] | None:
    for name in table[path[-1]].fallback:
        if name in path:
            return [*path[path.index(name) :], name]
        if cycle := _cycle(table, [*path, name]):
            return cycle
    return None


def _refuse_duplicates(what: str, values: list[str]) -> None:
    for value in values:
        if values.count(value) > 1:
            raise ValueError(f"{what} {value!r} is given twice; each must be unique")


def parse(text: str, source: str) -> GatewayFile:
    """The gateway file in `text`; `source` is how errors call it, such as its path.

    Raises GatewayConfigError with one sentence.
    """
    try:
        return GatewayFile.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise GatewayConfigError(f"{source} is not TOML: {error}") from error
    except ValidationError as error:
        raise GatewayConfigError(f"{source}: {'; '.join(_sentences(error))}") from error


def _sentences(error: ValidationError) -> Iterator[str]:
    for problem in error.errors(include_url=False):
        key = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            yield f"unknown key {key}"
        elif problem["type"] == "missing":
            yield f"{key} is missing"
        elif problem["type"] == "value_error":
            message = str(problem["ctx"]["error"])
            yield f"{key}: {message}" if key else message
        else:
            yield f"{key} = {problem['input']!r}: {problem['msg']}"
