"""A ledger in a file: processes that are killed, files that cannot be written, two at a time."""

import asyncio
import calendar
import contextlib
import resource
import shutil
import sqlite3
import subprocess
import sys
from datetime import date
from pathlib import Path

import orjson
import pytest

from tests.waiting import PATIENCE
from workloads.gateway.errors import ApiError
from workloads.gateway.ledger import group_commit, journal, sqlite
from workloads.gateway.ledger.journal import Journal
from workloads.gateway.ledger.ledger import Entry, Reservation, UsageRow
from workloads.gateway.ledger.sqlite import SqliteLedger
from workloads.gateway.usage import Usage

ROOT = Path(__file__).parents[4]
NOON = calendar.timegm((2026, 11, 22, 12, 0, 0))
ALWAYS = date(2026, 1, 1), date(2026, 12, 31)


def entry(id: str, **more) -> Entry:
    return Entry(id, NOON, "a", **{"model": "nova", "usage": Usage(3, 2, 1), "cost": 7, **more})


def reservation(id: str, at: float = NOON) -> Reservation:
    return Reservation(id, at, "a", "nova")


def journals(path: Path) -> list[Path]:
    return sorted(path.parent.glob(f"{path.name}-requests-*"))


def states(path: Path) -> dict[str, str]:
    with sqlite3.connect(path) as connection:
        return dict(connection.execute("SELECT id, state FROM requests"))


def counted(path: Path) -> tuple[int, int, int]:
    """Requests, unsettled ones and money, by a ledger that is opened and closed again."""

    async def read() -> list[UsageRow]:
        async with opened(path) as ledger:
            return await ledger.usage(*ALWAYS)

    rows = asyncio.run(read())
    assert journals(path) == []
    return sum(r.requests for r in rows), sum(r.unsettled for r in rows), sum(r.cost for r in rows)


@contextlib.asynccontextmanager
async def opened(path: Path):
    ledger = SqliteLedger(path)
    try:
        yield ledger
    finally:
        await ledger.close()


@pytest.fixture
def state(tmp_path) -> Path:
    return tmp_path / "state"


@contextlib.contextmanager
def locked(path: Path):
    """Another process is in the middle of a write."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("COMMIT")


@contextlib.contextmanager
def full(size: int):
    """No file can grow beyond so many bytes, as if the disk were full."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def left_behind(path: Path, time: int, *lines: tuple, end: bytes = b"") -> Path:
    """A journal as a killed process leaves it."""
    file = path.with_name(f"{path.name}-requests-{time}-1")
    file.write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in lines) + end)
    return file


OPEN = ("1", NOON, "a", "nova", "open")
RELEASED = ("1", None, None, None, "released")
SETTLED = ("1", NOON, "a", "nova", "settled", 3, 2, 1, 0, 7)
UNSETTLED = ("1", NOON, "a", "nova", "unsettled")

KILLED = """
import asyncio, sys
from pathlib import Path
from workloads.gateway.ledger import sqlite
from workloads.gateway.ledger.ledger import Entry, Reservation
from workloads.gateway.usage import Usage

async def main():
    sqlite.SYNC_SECONDS, sqlite.NOTICE_SECONDS = 0.003, 0.01
    ledger = sqlite.SqliteLedger(Path(sys.argv[1]))
    run, at = sys.argv[2], int(sys.argv[3])
    ledger.reserve(Reservation(f"{run}-open", at, "a", "nova"))
    for number in range(10**6):
        ledger.reserve(Reservation(f"{run}-{number}", 10**10, "a", "nova"))
        await ledger.settle(Entry(f"{run}-{number}", at, "a", "nova", Usage(1, 1), number))
        print(number, flush=True)
        if number % 10 == 0:
            await asyncio.sleep(0.001)

asyncio.run(main())
"""


def test_a_killed_process_loses_nothing_and_nothing_is_counted_twice(state):
    acknowledged = []
    for run in range(3):
        command = [sys.executable, "-c", KILLED, str(state), str(run), str(NOON)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
            last = 0
            while last < 700 + 37 * run:
                last = int(process.stdout.readline())
            process.kill()
            last = int(([last, *process.stdout.read().split()])[-1])
        acknowledged += [f"{run}-{number}" for number in range(last + 1)]
        assert journals(state), "nothing was left to the next"

    requests, unsettled, cost = counted(state)

    found = states(state)
    assert set(acknowledged) <= {id for id, kind in found.items() if kind == "settled"}
    assert 0 <= requests - len(acknowledged) <= 3  # settled, and killed before it said so
    assert {id for id, kind in found.items() if kind != "settled"} == {"0-open", "1-open", "2-open"}
    assert unsettled == 3
    with sqlite3.connect(state) as connection:
        assert cost == connection.execute("SELECT sum(cost) FROM requests").fetchone()[0]


@pytest.mark.parametrize(
    ("older", "newer", "expected"),
    [
        ([OPEN], [], (0, 1, 0)),
        ([OPEN], [RELEASED], (0, 0, 0)),
        ([OPEN], [SETTLED], (1, 0, 7)),
        ([OPEN], [UNSETTLED], (0, 1, 0)),
        ([UNSETTLED], [SETTLED], (1, 0, 7)),
        ([SETTLED], [UNSETTLED], (1, 0, 7)),
        ([SETTLED], [SETTLED], (1, 0, 7)),
        ([SETTLED], [RELEASED], (1, 0, 7)),
        ([OPEN, RELEASED], [], (0, 0, 0)),
        ([OPEN, SETTLED], [], (1, 0, 7)),
    ],
)
def test_journals_are_moved_from_the_oldest_to_the_newest(state, older, newer, expected):
    left_behind(state, 1000, *newer)
    left_behind(state, 999, *older)  # after the other in the order of names

    assert counted(state) == expected
    assert (states(state) == {}) == (expected == (0, 0, 0))


@pytest.mark.parametrize("lines", [[OPEN], [OPEN, RELEASED], [OPEN, SETTLED], [UNSETTLED]])
def test_a_process_killed_between_commit_and_delete_is_counted_once(state, lines):
    left_behind(state, 1, *lines)
    first = counted(state)
    left_behind(state, 1, *lines)

    assert counted(state) == first


def test_a_line_that_was_torn_by_the_kill_is_no_line(state):
    torn = orjson.dumps(("2", *SETTLED[1:]))
    left_behind(state, 1, SETTLED, end=torn)
    left_behind(state, 2, end=torn[:30])

    assert counted(state) == (1, 0, 7)


@pytest.mark.parametrize("garbage", [b"\0" * 4096, b'\0\0"nova","settled",3,2]\n', b"\xff\xfe\n"])
def test_what_a_power_failure_leaves_takes_no_other_lines_with_it(state, garbage, caplog):
    after = orjson.dumps(("2", *SETTLED[1:])) + b"\n"
    left_behind(state, 1, SETTLED, end=garbage + b"\n" + after)

    assert counted(state) == (2, 0, 14)
    assert f"lines of {state}-requests-1-1 are lost" in caplog.text


def test_only_journals_of_this_very_file_are_moved(state, tmp_path):
    others = [
        left_behind(tmp_path / "state2", 1, SETTLED),
        left_behind(tmp_path / "other-state", 1, SETTLED),
        tmp_path / "state-requests",
    ]
    others[-1].write_bytes(b"x")

    assert counted(state) == (0, 0, 0)
    assert all(path.exists() for path in others)


def test_two_ledgers_on_one_file_keep_what_is_theirs(state):
    async def main():
        async with opened(state) as first:
            await first.settle(entry("1"))
            [file] = journals(state)
            before = file.read_bytes()
            async with opened(state) as second:
                assert file.read_bytes() == before != b""
                await second.settle(entry("2"))
                assert [row.cost for row in await second.usage(*ALWAYS)] == [7]
                await first.settle(entry("3"))
                assert await first.spent("a", "2026-11") == 21
                await first.settle(entry("4"))
                await second.settle(entry("5"))

    asyncio.run(main())

    assert counted(state) == (5, 0, 35)


def test_what_a_process_leaves_that_dies_later_is_counted_by_the_other(state):
    async def main():
        async with opened(state) as ledger:
            await ledger.settle(entry("2"))
            left_behind(state, 1, SETTLED)
            assert await ledger.spent("a", "2026-11") == 14

    asyncio.run(main())


def test_a_journal_that_another_finds_before_it_is_held_is_not_used(state, monkeypatch):
    def delete(*_: object) -> None:
        monkeypatch.undo()
        journals(state)[0].unlink()

    monkeypatch.setattr("fcntl.flock", delete)
    mine = Journal.create(state)
    mine.append(orjson.dumps(SETTLED) + b"\n")
    mine.close()

    assert counted(state) == (1, 0, 7)


def test_reads_see_what_was_just_settled_and_many_at_a_time_do_too(state):
    async def main():
        async with opened(state) as ledger:

            async def client(name: int) -> None:
                for number in range(20):
                    await ledger.settle(entry(f"{name}-{number}", cost=1, model=str(name)))
                    rows = {row.model: row.cost for row in await ledger.usage(*ALWAYS)}
                    assert rows[str(name)] == number + 1

            await asyncio.gather(*map(client, range(10)))

    asyncio.run(main())


def test_open_requests_are_noticed_and_what_is_settled_is_moved_in_time(state, monkeypatch):
    monkeypatch.setattr(sqlite, "SYNC_SECONDS", 0.01)

    async def until(expected: dict[str, str]) -> None:
        async with asyncio.timeout(PATIENCE):
            while states(state) != expected:
                await asyncio.sleep(0.005)

    async def main():
        async with opened(state) as ledger:
            for id in ("open", "settled", "released"):
                ledger.reserve(reservation(id))
            ledger.reserve(reservation("short", NOON + 10**9))
            await until({"open": "open", "settled": "open", "released": "open"})
            ledger.release("released")
            await ledger.settle(entry("settled"))
            await until({"open": "open", "settled": "settled"})
            async with asyncio.timeout(PATIENCE):  # the one that was moved goes after the move
                while len(journals(state)) > 1:
                    await asyncio.sleep(0.005)
            assert [path.read_bytes() for path in journals(state)] == [b""]

    asyncio.run(main())


def test_while_another_process_writes_requests_go_on_and_wait_in_order(state, monkeypatch, caplog):
    monkeypatch.setattr(sqlite, "LOCKED_SECONDS", 0.001)
    monkeypatch.setattr(sqlite, "SYNC_SECONDS", 0.001)

    async def main():
        async with opened(state) as ledger:
            with locked(state):
                for number in range(5):
                    assert ledger.settle(entry(str(number))).done()
                    with pytest.raises(ApiError, match="usage cannot be read") as caught:
                        await ledger.usage(*ALWAYS)
                    assert caught.value.status == 503
                    await asyncio.sleep(0.005)
                assert len(journals(state)) == 2, "one that waits, and one that is written"
            assert await ledger.spent("a", "2026-11") == 35

    asyncio.run(main())

    assert "database is locked" in caplog.text
    assert counted(state) == (5, 0, 35)


def test_what_fails_in_the_middle_of_a_move_is_moved_whole_later(state, monkeypatch, caplog):
    monkeypatch.setattr(journal, "CHUNK_BYTES", 1)
    chunks = Journal.chunks

    def broken(self):
        yield next(chunks(self))
        raise OSError("input/output error")

    async def main():
        async with opened(state) as ledger:
            await asyncio.gather(*(ledger.settle(entry(id)) for id in "12"))
            with monkeypatch.context() as patch:
                patch.setattr(Journal, "chunks", broken)
                with pytest.raises(ApiError):
                    await ledger.usage(*ALWAYS)
            assert states(state) == {}
            assert await ledger.spent("a", "2026-11") == 14

    asyncio.run(main())

    assert "input/output error" in caplog.text


def test_a_disk_that_is_full_for_sqlite_alone_keeps_nobody_waiting(state, caplog):
    async def main():
        async with opened(state) as ledger:
            with full(1000):
                assert ledger.settle(entry("1")).done()
                with pytest.raises(ApiError):
                    await ledger.usage(*ALWAYS)
                assert ledger.settle(entry("2")).done()
            assert await ledger.spent("a", "2026-11") == 14

    asyncio.run(main())

    assert "requests wait beside" in caplog.text


def test_what_cannot_be_moved_at_the_end_is_left_to_the_next(state, monkeypatch):
    monkeypatch.setattr(sqlite, "LOCKED_SECONDS", 0.001)

    async def main():
        ledger = SqliteLedger(state)
        await ledger.settle(entry("1"))
        with locked(state):
            await ledger.close()
            assert journals(state)

    asyncio.run(main())

    assert counted(state) == (1, 0, 7)


def test_what_is_settled_while_the_ledger_closes_is_counted(state):
    async def main():
        ledger = SqliteLedger(state)
        await ledger.settle(entry("1"))
        with locked(state):
            closing = asyncio.create_task(ledger.close())
            while len(journals(state)) < 2:
                await asyncio.sleep(0)
            await ledger.settle(entry("2"))
        await closing

    asyncio.run(main())

    assert journals(state) == []
    assert counted(state) == (2, 0, 14)


def test_a_full_disk_keeps_whole_lines_and_who_settles_waits(state, monkeypatch, caplog):
    monkeypatch.setattr(group_commit, "AGAIN_SECONDS", 0.001)

    async def main():
        async with opened(state) as ledger:
            await ledger.settle(entry("1"))
            [file] = journals(state)
            whole = file.read_bytes()
            with full(len(whole) + 20):
                second = ledger.settle(entry("2"))
                third = ledger.settle(entry("3"))
                await asyncio.sleep(0.02)
                assert not second.done()
                assert not third.done()
                assert file.read_bytes() == whole
            await asyncio.gather(second, third)
            assert ledger.settle(entry("4")).done()
            assert len(file.read_bytes().splitlines()) == 4

    asyncio.run(main())

    assert "2 requests wait" in caplog.text
    assert counted(state) == (4, 0, 28)


def test_a_torn_line_that_cannot_be_cut_off_is_written_over(state, monkeypatch):
    def broken(*_: object) -> None:
        raise OSError("input/output error")

    mine = Journal.create(state)
    line = orjson.dumps(SETTLED) + b"\n"
    mine.append(line)
    with (
        full(len(line) + 20),
        monkeypatch.context() as patch,
        pytest.raises(OSError, match="space"),
    ):
        patch.setattr("os.ftruncate", broken)
        mine.append(orjson.dumps(("2", *SETTLED[1:])) + b"\n")
    assert len(mine.path.read_bytes()) == len(line) + 20
    mine.append(orjson.dumps(("3", *SETTLED[1:])) + b"\n")
    mine.close()

    assert counted(state) == (2, 0, 14)
    assert states(state).keys() == {"1", "3"}


def test_a_file_may_be_called_by_another_name_and_moved_with_its_journals(state, tmp_path):
    (tmp_path / "link").symlink_to(state)
    left_behind(state, 1, SETTLED)
    assert counted(tmp_path / "link") == (1, 0, 7)

    left_behind(state, 2, ("2", *SETTLED[1:]))
    shutil.copytree(tmp_path, tmp_path.with_name("other"), symlinks=True)
    assert counted(tmp_path.with_name("other") / "state") == (2, 0, 14)
