"""The clients', the backend's and the ledger's accounts of one run, held against each other."""

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import NamedTuple

from benchmarks.gateway.chaos.backend import Attempt
from benchmarks.gateway.chaos.clients import Asked, Ending
from benchmarks.gateway.chaos.gateway import DEADLINE_SECONDS, MODELS, Gateway
from workloads.gateway.ledger.ledger import UsageRow
from workloads.gateway.ledger.sqlite import SqliteLedger

# Of an input and of an output token, in the ledger's 10^-12 USD: 0.06 and 0.24 USD per million.
PRICE = (60_000, 240_000)
JUST_IN_TIME_SECONDS = 0.5  # what was told so shortly before the deadline may have been too late
NOTICED_SECONDS = 2.0  # what the gateway was told so shortly before a kill it may not have read


class Row(NamedTuple):
    """One request in the ledger."""

    id: str
    tenant: str
    model: str
    state: str
    input: int | None
    output: int | None
    cost: int | None


@dataclass
class Audit:
    """Everything that is known of a run. `problems` must find nothing."""

    asked: list[Asked]
    attempts: dict[int, Attempt]
    gateway: Gateway
    rows: list[Row]
    sums: Counter[tuple[str, str, str]]  # the ledger's own totals, by tenant, model and kind

    def problems(self) -> Iterator[str]:
        """One sentence for everything that should not be."""
        yield from self._of_answers()
        yield from self._of_rows()
        yield from self._of_what_was_told()
        yield from self._of_sums()
        if "Traceback" in self.gateway.log.read_text():
            yield f"a traceback in {self.gateway.log}"

    def _of_answers(self) -> Iterator[str]:
        settled = {row.id: row for row in self.rows if row.state == "settled"}
        for asked in self.asked:
            where = f"tag {asked.tag} ({asked.surface}, {asked.model}, streamed: {asked.streamed})"
            if asked.ending is Ending.WRONG:
                yield f"{where}: {asked.problem}"
            if asked.told is None:
                continue
            attempt = self.attempts.get(asked.told.input_tokens or 0)
            if attempt is None or (attempt.tag, attempt.text) != (asked.tag, asked.told.text):
                yield f"{where}: no attempt gave the answer {asked.told}"
            elif asked.request_id not in settled:
                yield f"{where}: answered as {asked.request_id}, and not settled"
            elif settled[asked.request_id].input != attempt.number:
                yield f"{where}: another attempt than the one that answered was settled"

    def _of_rows(self) -> Iterator[str]:
        tenants = {asked.tag: asked.tenant for asked in self.asked}
        numbers, tags = Counter[int](), Counter[int]()
        for row in self.rows:
            if row.state == "open":
                yield f"{row.id} is still open"
            if row.state != "settled":
                continue
            attempt = self.attempts.get(row.input or 0)
            if attempt is None or attempt.told is None:
                yield f"{row} was charged for what the backend never told: {attempt}"
                continue
            numbers[attempt.number] += 1
            tags[attempt.tag] += 1
            tokens = attempt.tokens
            if row.output != tokens[1] or row.tenant != tenants[attempt.tag]:
                yield f"{row} is not what the backend's attempt {attempt.number} used"
            if (row.model if MODELS[row.model] else None) != attempt.model:
                yield f"{row} is not the model of the backend's attempt {attempt.number}"
            if row.cost != tokens[0] * PRICE[0] + tokens[1] * PRICE[1]:
                yield f"{row} has the wrong cost"
        yield from (
            f"attempt {number} was charged {n} times" for number, n in numbers.items() if n > 1
        )
        yield from (f"tag {tag} was charged {n} times" for tag, n in tags.items() if n > 1)

    def _of_what_was_told(self) -> Iterator[str]:
        """All the tokens that it was told of are settled, where the gateway could read them."""
        for attempt, asked, excuse in self._told_and_not_settled():
            if excuse is None:
                yield (
                    f"attempt {attempt.number} of tag {attempt.tag} ({attempt.fault.name}) "
                    f"was never settled; its client: {asked.ending.value} {asked.status}"
                )

    def excuses(self) -> Counter[str]:
        """Why what the backend told was not settled, and how often."""
        return Counter(excuse for *_, excuse in self._told_and_not_settled() if excuse)

    def _told_and_not_settled(self) -> Iterator[tuple[Attempt, Asked, str | None]]:
        """With what came before the gateway could read it: a kill, the deadline, the client."""
        settled = {row.input for row in self.rows if row.state == "settled"}
        by_tag = {asked.tag: asked for asked in self.asked}
        for attempt in self.attempts.values():
            if attempt.told is None or attempt.number in settled:
                continue
            asked = by_tag[attempt.tag]
            late = attempt.told - asked.began > DEADLINE_SECONDS - JUST_IN_TIME_SECONDS
            if self._lost(attempt):
                excuse: str | None = f"told within {NOTICED_SECONDS:g} s of a kill"
            elif attempt.own and asked.ending is Ending.LEFT:
                excuse = "an own model, whose client left"
            elif late or (asked.ending is Ending.FAILED and asked.late):
                excuse = "told at the deadline"
            else:
                excuse = None
            yield attempt, asked, excuse

    def _lost(self, attempt: Attempt) -> bool:
        assert attempt.told is not None
        return self.gateway.was_down(attempt.told, attempt.told + NOTICED_SECONDS)

    def _of_sums(self) -> Iterator[str]:
        sums = Counter[tuple[str, str, str]]()
        for row in self.rows:
            if row.state == "settled":
                who = (row.tenant, row.model)
                sums[*who, "requests"] += 1
                sums[*who, "input"] += row.input or 0
                sums[*who, "output"] += row.output or 0
                sums[*who, "cost"] += row.cost or 0
        for what in sums.keys() | self.sums.keys():
            if sums[what] != self.sums[what]:
                yield f"the ledger's total of {what} is {self.sums[what]}, its rows' {sums[what]}"


def read_rows(path: Path) -> list[Row]:
    """Every request in the ledger's file."""
    with sqlite3.connect(path) as connection:
        found = connection.execute(
            "SELECT id, tenant, model, state, input, output, cost FROM requests"
        )
        return [Row(*row) for row in found]


def read_sums(path: Path) -> Counter[tuple[str, str, str]]:
    """What the ledger itself says was used, over all days."""

    async def usage() -> list[UsageRow]:
        ledger = SqliteLedger(path)
        try:
            return await ledger.usage(date.min, date.max)
        finally:
            await ledger.close()

    sums = Counter[tuple[str, str, str]]()
    for row in asyncio.run(usage()):
        who = (row.tenant, row.model)
        sums[*who, "requests"] += row.requests
        sums[*who, "input"] += row.usage.input
        sums[*who, "output"] += row.usage.output
        sums[*who, "cost"] += row.cost
    return sums
