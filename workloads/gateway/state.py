"""The SQLite file that holds a gateway's tenants and ledger on one machine."""

import sqlite3
from pathlib import Path


def connect(path: Path) -> sqlite3.Connection:
    """A connection to the file, which is made where it is missing. Raises sqlite3.Error.

    It waits ten seconds for other writers, of this process or of others.

    It is in autocommit mode, and may be used by one thread at a time. A commit is in the operating
    system's hands when it returns, and on the disk after the next checkpoint.
    """
    connection = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection
