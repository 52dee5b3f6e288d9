"""Compile on this machine, inside a pinned image: fetch, call the compiler, publish or seal."""

import json
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from workloads.artefacts.index import Index
from workloads.artefacts.store import READY, publish, read_index
from workloads.command import StageError
from workloads.compile import neuron
from workloads.compile.graphs import compile_share
from workloads.compile.jobs import DEADLINE_SECONDS, WORKERS, graphs_environment
from workloads.compile.plan import Row
from workloads.files import open_folder


def compile_row(
    row: Row,
    *,
    cache: str,
    scratch: Path,
    python: str,
    environment: Mapping[str, str],
    say: Callable[[str], None],
    share: tuple[int, int] = (0, 1),
) -> Index | None:
    """Make the row's artefact, unless it is there. StageError: the compiler failed.

    `share`, of a training program's graphs, is which task this is and of how many; None: the
    others' are not all compiled yet.
    `python` is the interpreter that Neuron's packages are installed for; `scratch` an empty folder
    with room for three times the model.
    """
    folder = open_folder(cache)
    if row.state == READY:
        index = read_index(folder, row.key)
        assert index is not None
        return index
    if row.key.kind == "training":
        told = {**environment, **graphs_environment(row.key, cache)}
        # The program is not run again for this; the command wants one nevertheless.
        queue = ("neuron_parallel_compile", "--command", "compile", "true")
        return compile_share(
            folder,
            row.key,
            index=share[0],
            of=share[1],
            scratch=scratch,
            call=lambda own: _call(queue, told | dict(own)),
            say=say,
        )
    work = prepare_scratch(row, scratch, say)
    say(f"compiling {row.key.summary}")
    told = {**environment, **neuron.environment(work, scratch)}
    _call((python, str(scratch / "neuron.py"), str(scratch)), told)
    made_with = json.loads((scratch / "made_with.json").read_text("utf-8"))
    return publish(folder, row.key, scratch / "out", made_with=made_with)


def prepare_scratch(row: Row, scratch: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """Lay out what workloads/compile/neuron.py reads: itself, the model and work.json."""
    model = open_folder(row.model)
    say(f"fetching {row.model}")
    path = model.download(model.names(), scratch / "model")
    shutil.copyfile(neuron.__file__, scratch / "neuron.py")
    work = asdict(row.key) | {
        "model": str(path.resolve()),
        "model_type": row.model_type,
        "pad_token": row.pad_token,
        "workers": WORKERS,
        "timeout_seconds": DEADLINE_SECONDS,
    }
    (scratch / "work.json").write_text(json.dumps(work, indent=2))
    return work


def _call(command: tuple[str, ...], environment: Mapping[str, str]) -> None:
    """Run a compiler with its output as ours; StageError when it fails."""
    try:
        code = subprocess.run(command, env=dict(environment), check=False).returncode
    except FileNotFoundError:
        raise StageError(
            f"{command[0]} is not installed here: compile in the image that the plan names;"
            " python -m workloads.compile doctor says what is installed"
        ) from None
    if code:
        what = "killed, most often for want of memory" if code in (-9, 137) else f"exit code {code}"
        raise StageError(f"{Path(command[0]).name} {' '.join(command[1:3])} failed: {what}")
