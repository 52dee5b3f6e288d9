"""Rows for comparison: of one architecture, task and shape together, and never of two."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from workloads.benchmark.cost import SECONDS_PER_HOUR
from workloads.benchmark.published import Bedrock, Computing, OnChips, Published, Serving, Training
from workloads.benchmark.serving import MILLION
from workloads.benchmark.training import BILLION
from workloads.hardware import INSTANCES
from workloads.prices import PRICES, Price, UnknownPrice

SERVING_UNIT = "USD per million output tokens, their prompts included"
TRAINING_UNIT = "USD per 1e9 tokens"
COMPUTING_UNIT = "USD per 1e12 iterations"
TRILLION = 10**12


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What tokens cost in the group's unit, and from what that follows; None: unknown."""

    bought: str
    usd: float | None
    how: str


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of a table; `source` is where it was published, or the file of a measurement."""

    measured: bool
    hardware: str
    model: str
    per_second: float | None  # of what the group counts
    precision: str
    details: str  # configuration and software
    costs: tuple[Cost, ...]
    date: str
    source: str
    note: str


@dataclass(frozen=True, kw_only=True)
class Group:
    """Rows that did the same work: one architecture, one length of prompts and answers."""

    title: str
    unit: str
    rows: tuple[Row, ...]
    counts: str = "tokens"


def published_groups(published: Published, *, region: str) -> list[Group]:
    """The published rows at the prices of `region`, Bedrock's beside each shape it could serve."""
    serving: dict[tuple[str, int, int, str], list[Row]] = {}
    for row in published.serving:
        shape = (row.architecture, row.input_tokens, row.output_tokens, row.load)
        serving.setdefault(shape, []).append(_served(row, region))
    groups = []
    for (architecture, into, out, load), rows in serving.items():
        offers = (o for o in published.bedrock if o.architecture == architecture)
        groups.append(
            Group(
                title=f"Serving {architecture}: {into} tokens in, {out} out, {load}",
                unit=SERVING_UNIT,
                rows=(*rows, *(_offered(offer, into, out) for offer in offers)),
            )
        )
    training: dict[tuple[str, int], list[Row]] = {}
    for trained in published.training:
        key = (trained.architecture, trained.sequence_length)
        training.setdefault(key, []).append(_trained(trained, region))
    for (architecture, length), rows in training.items():
        title = f"Pre-training {architecture}: sequences of {length} tokens"
        groups.append(Group(title=title, unit=TRAINING_UNIT, rows=tuple(rows)))
    computing: dict[str, list[Row]] = {}
    for computed in published.computing:
        computing.setdefault(computed.benchmark, []).append(_computed(computed, region))
    for benchmark, rows in computing.items():
        groups.append(
            Group(
                title=f"Processors: {benchmark}",
                unit=COMPUTING_UNIT,
                rows=tuple(rows),
                counts="iterations",
            )
        )
    return groups


def unmeasured(published: Published, *, region: str) -> list[str]:
    """A sentence for each hardware without figures, with its price where AWS rents it."""
    sentences = []
    for row in published.unmeasured:
        price = ""
        if row.instance_type:
            try:
                price = f"; {PRICES.find(row.instance_type, region)}"
            except UnknownPrice as error:
                price = f"; {error}"
        sentences.append(f"{row.hardware}: {row.why}{price} ({row.source})")
    return sentences


def chip_costs(
    instance_type: str, chips: int, region: str, *, tokens_per_second: float, tokens: int
) -> tuple[Cost, ...]:
    """What so many tokens cost on so many chips of a type, for each way to buy it."""
    share = chips / INSTANCES[instance_type].chips
    return _costs(
        instance_type, share, region, per_second=tokens_per_second, number=tokens, counts="tokens"
    )


def _costs(
    instance_type: str, share: float, region: str, *, per_second: float, number: int, counts: str
) -> tuple[Cost, ...]:
    """What so many of something cost on such a share of an instance, or on several."""

    def cost(price: Price) -> Cost:
        usd = price.usd_per_hour * share / (per_second * SECONDS_PER_HOUR) * number
        how = (
            f"{share:g} x {price.usd_per_hour:.10g} USD per hour / ({per_second:,.1f} {counts}"
            f" per second x {SECONDS_PER_HOUR} s) x {number:,} {counts}; {price}"
        )
        return Cost(bought=price.bought, usd=usd, how=how)

    known = []
    unknown = None
    for block in (False, True):
        try:
            known.append(cost(PRICES.find(instance_type, region, capacity_block=block)))
        except UnknownPrice as error:
            unknown = unknown or Cost(bought="", usd=None, how=str(error))
    return tuple(known) or ((unknown,) if unknown else ())


def _served(row: Serving, region: str) -> Row:
    rate = row.output_tokens_per_second
    return _on_chips(row, region, tokens_per_second=rate, tokens=MILLION, derived="")


def _trained(row: Training, region: str) -> Row:
    rate = row.tokens_per_second
    derived = f"tokens per second: {row.derived}"
    return _on_chips(row, region, tokens_per_second=rate, tokens=BILLION, derived=derived)


def _computed(row: Computing, region: str) -> Row:
    return Row(
        measured=False,
        hardware=f"{row.processor} ({row.instance_type})",
        model=row.benchmark,
        per_second=row.iterations_per_second,
        precision="integers",
        details=row.software,
        costs=_costs(
            row.instance_type,
            1,
            region,
            per_second=row.iterations_per_second,
            number=TRILLION,
            counts="iterations",
        ),
        date=row.date,
        source=row.source,
        note=row.note,
    )


def _on_chips(
    row: OnChips, region: str, *, tokens_per_second: float, tokens: int, derived: str
) -> Row:
    return Row(
        measured=False,
        hardware=f"{row.chips} x {_chip(row.instance_type)} ({row.instance_type})",
        model=row.model,
        per_second=tokens_per_second,
        precision=row.precision,
        details=f"{row.configuration}; {row.software}",
        costs=chip_costs(
            row.instance_type,
            row.chips,
            region,
            tokens_per_second=tokens_per_second,
            tokens=tokens,
        ),
        date=row.date,
        source=row.source,
        note="; ".join(text for text in (derived, row.note) if text),
    )


def _chip(instance_type: str) -> str:
    chip = INSTANCES[instance_type].chip
    return chip.name if chip else "processors"


def _offered(offer: Bedrock, input_tokens: int, output_tokens: int) -> Row:
    how = (
        f"{offer.usd_per_million_output_tokens:g} for the answer + {input_tokens} / {output_tokens}"
        f" x {offer.usd_per_million_input_tokens:g} for the prompt, as of {offer.date}"
    )
    usd = offer.usd_per_million_answered(input_tokens, output_tokens)
    return Row(
        measured=False,
        hardware="Amazon Bedrock",
        model=offer.model,
        per_second=None,
        precision="not said",
        details="paid by the token",
        costs=(Cost(bought="by the token", usd=usd, how=how),),
        date=offer.date,
        source=offer.source,
        note=offer.note,
    )


def measured_groups(results: Iterable[tuple[str, Mapping[str, Any]]]) -> list[Group]:
    """One group for each result file, given with its name; KeyError or TypeError: it is none."""
    return [_serving_result(*r) if r[1]["kind"] == "serving" else _training_result(*r)
            for r in results]  # fmt: skip


def _serving_result(name: str, result: Mapping[str, Any]) -> Group:
    load, rates = result["load"], []
    for rate in result["rates"]:
        usd = rate["usd_per_million_output_tokens"]
        share = "kept up" if rate["sustained"] else "did not keep up"
        failed = sum(rate["failures"].values())
        rates.append(
            _measured(
                name, result,
                model=load["model"],
                tokens_per_second=rate["output_tokens_per_second"],
                details=(
                    f"{rate['offered_per_second']:g} requests per second, {share}, {failed} of"
                    f" {rate['requests']} failed;"
                    f" {_mean(rate['prompt_tokens'])} tokens in, {_mean(rate['output_tokens'])} out"
                ),
                usd=usd,
            )
        )  # fmt: skip
    title = f"Serving {load['model']} at {load['url']}: {load['prompts']}"
    return Group(title=title, unit=SERVING_UNIT, rows=tuple(rates))


def _training_result(name: str, result: Mapping[str, Any]) -> Group:
    figures = result["figures"]
    row = _measured(
        name, result,
        model=result["model"],
        tokens_per_second=figures["tokens_per_second"],
        details=f"{figures['steps']} steps, checkpoints included",
        usd=result["usd_per_billion_tokens"],
    )  # fmt: skip
    title = f"Training {result['model']}: {result['run']}"
    return Group(title=title, unit=TRAINING_UNIT, rows=(row,))


def _measured(
    name: str, result: Mapping[str, Any], *, model: str, tokens_per_second: float, details: str,
    usd: float | None,
) -> Row:  # fmt: skip
    about, rent = result["measured"], result["rent"]
    cost = Cost(bought="", usd=usd, how=rent["basis"]) if rent else None
    return Row(
        measured=True,
        hardware=about["hardware"],
        model=model,
        per_second=tokens_per_second,
        precision="not said",
        details=f"{details}; {about['software']}",
        costs=(cost,) if cost else (),
        date=about["begun"],
        source=name,
        note="",
    )


def _mean(tokens: float | None) -> str:
    return "uncounted" if tokens is None else f"{tokens:.0f}"
