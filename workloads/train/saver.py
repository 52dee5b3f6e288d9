"""Checkpoints written while training goes on.

The loop stands still only until weights and moments are copied to the host's memory; a thread
writes, hashes, uploads and seals them. Always so: a second way would be the one that is not tested.
It costs the host's memory once more for this process's share.
"""

import json
import shutil
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.state_dict_saver import async_save

from workloads import checkpoints
from workloads.command import StageError
from workloads.files import Folder
from workloads.swap import Conflict, read_versioned, write_versioned
from workloads.train.attempts import Attempts, taken_over
from workloads.train.backend import State
from workloads.train.host import Host, gather

Files = dict[str, dict[str, object]]


class Saver:
    """The run's checkpoints, one under way at most."""

    def __init__(
        self,
        host: Host,
        out: Folder,
        work: Path,
        *,
        attempts: Attempts | None,
        manifest: Callable[[int, Files], checkpoints.Manifest],
        publish: Callable[[], None],
        keep: int,
    ) -> None:
        """Files are made below `work`, which is `out` itself if that is on this machine; `attempts`
        in the first process alone; `publish` brings the metrics up to date."""
        self._host, self._out, self._work = host, out, work
        self._attempts = attempts
        self._manifest = manifest
        self._publish = publish
        self._keep = keep
        self._version: str | None = None  # of latest.json
        self._seconds: list[float] = []  # that sealing took
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._underway: Future[None] | None = None

    @property
    def slowest_seconds(self) -> float:
        """The longest a checkpoint took so far, from its copy to its seal."""
        return max(self._seconds, default=0.0)

    def point_to(self, step: int) -> None:
        """Have latest.json name this step, for those who do not look through the checkpoints."""
        assert self._attempts is not None
        self._version = read_versioned(self._out, checkpoints.LATEST)[1]
        self._write_pointer(step)

    def start(self, step: int, state: State) -> None:
        """Copy the state and begin to write it, once the checkpoint before it is sealed."""
        self.wait()
        started = time.perf_counter()
        name = checkpoints.folder_name(step)
        folder, target = self._work / name, self._out.folder(name)
        place = self._host.place
        if place.rank == 0:  # what a broken run left there is no part of this one
            target.delete(checkpoints.MANIFEST)
        if place.local_rank == 0:
            shutil.rmtree(folder, ignore_errors=True)
        self._host.barrier()
        written = async_save(state, checkpoint_id=folder, process_group=self._host.savers)
        assert isinstance(written, Future)  # another thing only where the copy is made later
        self._underway = self._threads.submit(self._finish, step, written, started)

    def wait(self) -> None:
        """Until nothing is under way; StageError if it could not be written."""
        if self._underway is not None:
            underway, self._underway = self._underway, None
            underway.result()

    def _finish(self, step: int, written: Future[object], started: float) -> None:
        """In the thread: files, then the manifest, then the pointer; then what is too old goes."""
        name = checkpoints.folder_name(step)
        folder, target, place = self._work / name, self._out.folder(name), self._host.place
        try:
            written.result()
        except CheckpointException as error:
            raise StageError(f"{folder}: {_first(error)}") from None
        # Where machines have a folder each, each uploads its own; a shared one is rank 0's to read.
        files: Files = {}
        if place.rank == 0 or (place.local_rank == 0 and self._out.path is None):
            files = checkpoints.describe_files(folder)
            for file in files:
                target.upload(folder / file, file)
        everybodys = gather(files, place, self._host.savers)
        if self._attempts is not None:
            self._attempts.check_owner()
            self._publish()
            sealed = self._manifest(step, {k: v for some in everybodys for k, v in some.items()})
            target.write(checkpoints.MANIFEST, sealed.to_json())
            self._write_pointer(step)
            if self._keep:
                checkpoints.forget(self._out, keep=self._keep)
        if self._out.path is None and place.local_rank == 0:
            shutil.rmtree(folder)
        self._seconds.append(time.perf_counter() - started)

    def _write_pointer(self, step: int) -> None:
        """StageError if another job has moved it: this one must not move it back."""
        assert self._attempts is not None
        latest = {
            "step": step,
            "checkpoint": checkpoints.folder_name(step),
            "attempt": self._attempts.number,
        }
        data = json.dumps(latest, indent=2).encode() + b"\n"
        try:
            self._version = write_versioned(self._out, checkpoints.LATEST, data, self._version)
        except Conflict:
            raise StageError(taken_over(self._out)) from None


def _first(error: CheckpointException) -> str:
    """The first process's reason, in one line."""
    rank, (reason, _) = next(iter(error.failures.items()))
    return f"process {rank} could not write: {' '.join(str(reason).split())}"
