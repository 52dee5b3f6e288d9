"""The folder of one demo run: emptied at the start, locked while the run lasts."""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

MARKER = "demo.log"


class FolderError(ValueError):
    """The folder cannot be used; the text is one sentence that says why."""


@contextmanager
def claim(folder: Path) -> Iterator[Path]:
    """Empty `folder` and hold it; only a folder of an earlier demo is ever emptied.

    Raises FolderError when it is not ours, cannot be written, or another demo uses it.
    """
    folder = folder.absolute()
    with ExitStack() as held:
        try:
            if folder.exists() and any(folder.iterdir()) and not (folder / MARKER).exists():
                raise FolderError(
                    f"{folder} holds files that are not a demo's; name another one with FOLDER="
                )
            folder.mkdir(parents=True, exist_ok=True)
            log = held.enter_context((folder / MARKER).open("a"))
            fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _empty(folder)
            log.truncate(0)
        except BlockingIOError:
            raise FolderError(
                f"another demo is using {folder}; stop it or name another folder with FOLDER="
            ) from None
        except OSError as error:
            raise FolderError(
                f"{error.filename or folder} cannot be used, so there is no log either:"
                f" {error.strerror}; name a folder that can be written with FOLDER="
            ) from None
        yield folder


def _empty(folder: Path) -> None:
    for entry in folder.iterdir():
        if entry.name == MARKER:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
