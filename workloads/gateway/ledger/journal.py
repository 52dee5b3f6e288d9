"""Files of lines that a ledger's store does not have yet: what is appended survives SIGKILL.

They lie beside the state file as `STATE-requests-TIME-PID`, TIME in nanoseconds since the epoch.
Each is held by its process (flock) as long as that lives, so that another one on the same state
leaves it alone, and finds it once its process is gone.
"""

import errno
import fcntl
import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

CHUNK_BYTES = 8 << 20  # read at once, of a journal that could not be emptied for long


class Journal:
    """A file of lines that this process holds, until it is closed or deleted."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.size = os.fstat(descriptor).st_size  # bytes of whole lines, where it is our own
        self._descriptor = descriptor

    @classmethod
    def create(cls, state: Path) -> "Journal":
        """A new one beside a state file. Raises OSError."""
        while True:
            path = state.with_name(f"{state.name}-requests-{time.time_ns()}-{os.getpid()}")
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
            if _hold(descriptor):  # else another found it just before, and deletes it
                return cls(path, descriptor)

    def append(self, lines: bytes) -> None:
        """Add whole lines, all or none of them. Raises OSError.

        They are in the operating system's hands when it returns, and not yet on the disk.
        """
        try:
            # At its place and not at the end, where a write that failed may have left something.
            written = os.pwrite(self._descriptor, lines, self.size)
            if written != len(lines):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._descriptor, self.size)
            raise
        self.size += written

    def chunks(self) -> Iterator[list[bytes]]:
        """All whole lines, some megabytes at a time. Raises OSError.

        A last line without its end was never acknowledged: its process was killed inside the write.
        """
        with self.path.open("rb") as file:
            while lines := file.readlines(CHUNK_BYTES):
                if not lines[-1].endswith(b"\n"):
                    lines.pop()
                yield lines

    def delete(self) -> None:
        """Let it go, with the file. Raises OSError."""
        self.path.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Leave the file to whoever finds it."""
        os.close(self._descriptor)
        self._descriptor = -1  # its number will soon be another file's


def left_over(state: Path) -> Iterator[Journal]:
    """The journals of processes that are gone, oldest first; held from now on. Raises OSError."""
    name = re.compile(re.escape(state.name) + r"-requests-(\d+)-(\d+)")
    found = [
        (match, path) for path in state.parent.iterdir() if (match := name.fullmatch(path.name))
    ]
    for _, path in sorted(found, key=lambda item: [int(number) for number in item[0].groups()]):
        with suppress(FileNotFoundError):  # another process was faster
            descriptor = os.open(path, os.O_RDONLY)
            if _hold(descriptor):
                yield Journal(path, descriptor)


def _hold(descriptor: int) -> bool:
    """Lock the file, unless another holds it, or had it and deleted it; then it is closed."""
    with suppress(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_nlink:
            return True
    os.close(descriptor)
    return False
