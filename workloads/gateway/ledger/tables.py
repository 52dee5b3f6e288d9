"""The ledger's tables in a SQLite file, and how a journal's lines come into them.

A line is a JSON array, as long as what is known: [id, at, tenant, model, state], and of a settled
request the four counts of tokens and the cost. Its state is that of a row, or 'released'.
"""

import logging
import sqlite3

import orjson

from workloads.gateway.ledger.journal import Journal

log = logging.getLogger(__name__)

# Counters are kept by triggers, in the transaction of the request they count.
SCHEMA = """
CREATE TABLE IF NOT EXISTS requests (
    id TEXT PRIMARY KEY, at REAL NOT NULL, tenant TEXT NOT NULL, model TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'unsettled', 'settled')),
    input INTEGER, output INTEGER, cache_read INTEGER, cache_write INTEGER, cost INTEGER
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS open_requests ON requests (id) WHERE state = 'open';
CREATE TABLE IF NOT EXISTS usage (
    day TEXT, tenant TEXT, model TEXT, requests INTEGER NOT NULL, unsettled INTEGER NOT NULL,
    input INTEGER NOT NULL, output INTEGER NOT NULL,
    cache_read INTEGER NOT NULL, cache_write INTEGER NOT NULL, cost INTEGER NOT NULL,
    PRIMARY KEY (day, tenant, model)
) WITHOUT ROWID;
"""
COUNT = """
CREATE TRIGGER IF NOT EXISTS count_{name} AFTER {event} ON requests WHEN NEW.state <> 'open' BEGIN
    INSERT INTO usage VALUES (
        date(NEW.at, 'unixepoch'), NEW.tenant, NEW.model,
        NEW.state = 'settled', (NEW.state = 'unsettled') - {was_unsettled},
        ifnull(NEW.input, 0), ifnull(NEW.output, 0),
        ifnull(NEW.cache_read, 0), ifnull(NEW.cache_write, 0), ifnull(NEW.cost, 0))
    ON CONFLICT DO UPDATE SET
        requests = requests + excluded.requests, unsettled = unsettled + excluded.unsettled,
        input = input + excluded.input, output = output + excluded.output,
        cache_read = cache_read + excluded.cache_read,
        cache_write = cache_write + excluded.cache_write, cost = cost + excluded.cost;
END;
"""
# One statement for all lines at once: the interpreter's lock is let go meanwhile.
RESERVE = """
INSERT OR IGNORE INTO requests (id, at, tenant, model, state)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, 'open'
FROM json_each(?) WHERE value ->> 4 = 'open'
"""
RELEASE = """
DELETE FROM requests WHERE state = 'open' AND id IN (
    SELECT value ->> 0 FROM json_each(?) WHERE value ->> 4 = 'released')
"""
SETTLE = """
INSERT INTO requests
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4,
    value ->> 5, value ->> 6, value ->> 7, value ->> 8, value ->> 9
FROM json_each(?) WHERE value ->> 4 IN ('settled', 'unsettled')
ON CONFLICT DO UPDATE SET
    at = excluded.at, tenant = excluded.tenant, model = excluded.model, state = excluded.state,
    input = excluded.input, output = excluded.output,
    cache_read = excluded.cache_read, cache_write = excluded.cache_write, cost = excluded.cost
WHERE state = 'open' OR state = 'unsettled' AND excluded.state = 'settled'
"""


def prepare(connection: sqlite3.Connection) -> None:
    """Make what is missing; from now on a commit is on the disk. Raises sqlite3.Error."""
    connection.execute("PRAGMA synchronous = FULL")
    connection.executescript(
        SCHEMA
        + COUNT.format(name="new", event="INSERT", was_unsettled="0")
        + COUNT.format(
            name="known", event="UPDATE OF state", was_unsettled="(OLD.state = 'unsettled')"
        )
    )


def close_open(connection: sqlite3.Connection) -> None:
    """Nobody will settle what is open. Raises sqlite3.Error."""
    connection.execute("UPDATE requests SET state = 'unsettled' WHERE state = 'open'")


def move(journal: Journal, connection: sqlite3.Connection) -> None:
    """Bring a journal's lines into the tables in one transaction, then delete it.

    It may be repeated: a line that is there already changes nothing. Raises sqlite3.Error, OSError.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        for lines in journal.chunks():
            rows = _array(lines)
            if not connection.execute("SELECT json_valid(?)", (rows,)).fetchone()[0]:
                rows = _array(_readable(lines, journal))
            # In the order in which they happened: what was reserved may be over by now.
            if '"open"' in rows:
                connection.execute(RESERVE, (rows,))
            if '"released"' in rows:
                connection.execute(RELEASE, (rows,))
            connection.execute(SETTLE, (rows,))
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    journal.delete()


def _array(lines: list[bytes]) -> str:
    return f"[{b','.join(lines).decode(errors='replace')}]"


def _readable(lines: list[bytes], journal: Journal) -> list[bytes]:
    """Without those of which a power failure has left something else."""
    readable = []
    for line in lines:
        try:
            orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        readable.append(line)
    log.error("%d lines of %s are lost", len(lines) - len(readable), journal.path)
    return readable
