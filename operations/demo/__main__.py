"""Show the whole platform on this machine: no account, no Docker, nothing left running.

make demo                     the same, after installing what it needs
make demo KEEP=1 PORT=8080    leave it running to play with, until Ctrl-C
make demo INPUT='a.txt b.txt' train on your own text instead of generated stories
"""

import argparse
import signal
import sys
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

from rich.console import Console

from operations.demo.folder import FolderError, claim
from operations.demo.narrator import StepError
from operations.demo.run import Demo
from operations.processes import kill_everything
from workloads.command import end

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

LOG_WIDTH = 120  # characters, where no terminal says how wide it is


class Interrupted(BaseException):
    """A signal asked the demo to end; no `except Exception` may swallow it."""


def main(argv: list[str] | None = None) -> int:
    """Run the demo; 0 only if every step did its work, 130 when interrupted before that."""
    arguments = _parse(argv)
    console = Console(width=None if sys.stdout.isatty() else LOG_WIDTH)
    done = False
    for number in SIGNALS:
        signal.signal(number, _interrupt)
    try:
        with ExitStack() as running:
            try:
                folder = running.enter_context(claim(arguments.folder))
                demo = Demo(
                    folder=folder,
                    console=console,
                    running=running,
                    gateway_port=arguments.port,
                    texts=arguments.input,
                )
                report = demo.run()
                report.write(folder, loss_picture=demo.loss_picture)
                report.show(console)
                console.print(f"report: {folder / 'report.html'}")
                done = True
                if arguments.keep:
                    demo.explain()
                    signal.pause()
            finally:
                for number in SIGNALS:  # nothing interrupts the stopping
                    signal.signal(number, signal.SIG_IGN)
                console.print("[dim]stopping everything that was started[/dim]")
    except FolderError as error:
        print(f"make demo: step 'folder' failed: {error}", file=sys.stderr)
        return 2
    except StepError as error:
        print(f"make demo: {error}", file=sys.stderr)
        return 1
    except Interrupted as interruption:
        print(f"make demo: {interruption}", file=sys.stderr)
        return 0 if done else 130
    finally:
        kill_everything()
    return 0


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise Interrupted(f"ended by {signal.Signals(number).name}; nothing is left running")


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m operations.demo",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--keep", action="store_true", help="stay up until Ctrl-C, print the URLs")
    parser.add_argument("--port", type=_port, default=0, help="the gateway's port (default: free)")
    parser.add_argument(
        "--folder", type=Path, default=Path(".demo"), help="logs and report (default: .demo)"
    )
    parser.add_argument(
        "--input", type=_text, nargs="+", default=(), metavar="FILE", help="train on this text"
    )
    return parser.parse_args(argv)


def _text(name: str) -> Path:
    """A file of UTF-8 text, looked at now rather than after everything is deployed."""
    try:
        Path(name).read_text(encoding="utf-8")
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{name} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise argparse.ArgumentTypeError(f"{name} is not UTF-8 text") from None
    return Path(name)


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: give a number from 1 to 65535")
    return int(text)


if __name__ == "__main__":
    end(main)
