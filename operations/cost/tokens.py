"""What a million tokens of an own model cost, beside what Bedrock asks."""

from dataclasses import dataclass
from typing import Any

from operations.cost import job
from stacks.config import EnvironmentConfig
from workloads.benchmark.cost import Rent, of_instances
from workloads.benchmark.published import Bedrock
from workloads.command import InputError
from workloads.gateway.config import ModelConfig
from workloads.prices import PRICES, UnknownPrice

MILLION = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A model of Bedrock at the environment's prices; `break_even`: the share of its throughput
    that the own model must answer to cost as much, above 1 never."""

    name: str
    model: str
    usd_per_million: float
    break_even: float


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """USD per million tokens of answers, each with its share of a prompt of that length."""

    model: str
    rent: Rent
    tokens_per_second: float
    utilization: float
    input_tokens: int
    output_tokens: int
    usd_per_million: float
    offers: tuple[Offer, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "model": self.model,
            "rent": self.rent.to_json(),
            "tokens_per_second": self.tokens_per_second,
            "utilization": self.utilization,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "usd_per_million_output_tokens": self.usd_per_million,
            "bedrock": [
                {
                    "name": offer.name,
                    "model": offer.model,
                    "usd_per_million_output_tokens": offer.usd_per_million,
                    "break_even_utilization": offer.break_even,
                }
                for offer in self.offers
            ],
        }


def tokens(
    config: EnvironmentConfig, *, model: str, pool: str | None, nodes: int | None,
    tokens_per_second: float, utilization: float, input_tokens: int, output_tokens: int,
) -> Tokens:  # fmt: skip
    """What an own model's tokens cost on what serves it; InputError."""
    rented = _rent(config, _model(config, model), pool, nodes)
    usd = rented.usd_per_tokens(MILLION, tokens_per_second * utilization)
    at_best = rented.usd_per_tokens(MILLION, tokens_per_second)
    assert usd is not None and at_best is not None, "a throughput is above 0"
    offers = (
        (other, _asked(other, input_tokens, output_tokens))
        for other in config.gateway.models
        if other.bedrock and other.price
    )
    return Tokens(
        model=model,
        rent=rented,
        tokens_per_second=tokens_per_second,
        utilization=utilization,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        usd_per_million=usd,
        offers=tuple(
            Offer(
                name=other.name, model=str(other.bedrock), usd_per_million=asked,
                break_even=at_best / asked,
            )
            for other, asked in offers
            if asked
        ),
    )  # fmt: skip


def _model(config: EnvironmentConfig, name: str) -> ModelConfig:
    for model in config.gateway.models:
        if model.name == name:
            if model.bedrock:
                raise InputError(
                    f"--model {name} is Bedrock's and paid by the token; give one that the"
                    " environment serves itself"
                )
            return model
    names = ", ".join(model.name for model in config.gateway.models) or "none"
    raise InputError(f"--model {name} is no model of the environment's gateway; it has: {names}")


def _rent(
    config: EnvironmentConfig, model: ModelConfig, pool: str | None, nodes: int | None
) -> Rent:
    """What serves the model: nodes of a pool, or the SageMaker endpoint that the model names."""
    try:
        if pool is not None:
            of = job.find_pool(config, pool)
            return job.rent(of, of.capacity.kind, job.check_nodes(of, nodes or 1), config.region)
        for endpoint in config.endpoints:
            if endpoint.name == model.sagemaker:
                if nodes is not None and nodes > 1:
                    raise InputError(f"--nodes {nodes}: the endpoint {endpoint.name} has one")
                return of_instances(PRICES.find_hosting(endpoint.instance_type, config.region), 1)
    except UnknownPrice as error:
        raise InputError(f"{error}; `python -m operations.prices` asks AWS for it") from None
    raise InputError(f"--pool is missing: which pool's nodes serve {model.name}?")


def _asked(model: ModelConfig, input_tokens: int, output_tokens: int) -> float:
    """As the published comparison counts it: with the prompt that belongs to the answer."""
    assert model.price is not None
    offer = Bedrock(
        architecture="", model=str(model.bedrock), date="", source="",
        usd_per_million_input_tokens=model.price.input,
        usd_per_million_output_tokens=model.price.output,
    )  # fmt: skip
    return offer.usd_per_million_answered(input_tokens, output_tokens)
