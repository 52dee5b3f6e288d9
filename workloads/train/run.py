"""A run's folder: picked up where it was left."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch
from torch.distributed.checkpoint.state_dict_loader import load
from torch.optim import Optimizer

from workloads import checkpoints
from workloads.command import InputError, progress
from workloads.dataset import Dataset
from workloads.files import open_folder
from workloads.llama import Llama
from workloads.train.attempts import Attempts
from workloads.train.backend import Backend, State
from workloads.train.metrics import Metrics
from workloads.train.saver import Files, Saver
from workloads.train.settings import Settings
from workloads.train.start import Start


class Run:
    """What is in `--out`; files are made below `work`, which is `--out` itself if that is here."""

    def __init__(
        self, settings: Settings, backend: Backend, start: Start, *, data: Dataset, scratch: Path
    ) -> None:
        self.out = open_folder(settings.out)
        self.metrics: Metrics | None = None  # these two the first process's, once resumed
        self.attempts: Attempts | None = None
        self._settings = settings
        self._backend = backend
        self._start = start
        self._data = data
        self._scratch = scratch
        self._work = self.out.path or scratch / "run"

    def resume(self, model: Llama, optimizer: Optimizer) -> tuple[int, Saver]:
        """Load the newest good checkpoint; its step (0 when there is none), and what saves more."""
        host = self._backend.host
        found = None
        if host.place.rank == 0:
            found = checkpoints.newest(self.out, self._scratch, progress)
            if found is not None:
                self._check_same(found.manifest)
        step = host.from_first(found.manifest.step if found else 0)
        if host.place.rank == 0:
            self.metrics = Metrics(self.out, self._work, resumed_step=step)
            self.attempts = Attempts(self.out)
            if step < self._settings.steps:
                self.attempts.begin(
                    step=step,
                    processes=host.place.world_size,
                    device=self._backend.device.type,
                )
        saver = Saver(
            host,
            self.out,
            self._work,
            attempts=self.attempts,
            manifest=self._manifest,
            publish=self.metrics.publish if self.metrics else _nothing,
            keep=self._settings.keep,
        )
        if host.place.rank == 0 and step:
            saver.point_to(step)  # a kill or damage may have left it at another
        if step:
            if host.place.rank and host.place.local_rank == 0 and self.out.path is None:
                checkpoints.fetch(self.out, step, self._scratch)  # for this machine's processes
            host.barrier()
            folder = (self.out.path or self._scratch) / checkpoints.folder_name(step)
            self._backend.restore(model, optimizer, _loader(folder, host.group))
        return step, saver

    def _manifest(self, step: int, files: Files) -> checkpoints.Manifest:
        return checkpoints.Manifest(
            step=step,
            world_size=self._backend.host.place.world_size,
            settings=self._settings.lasting,
            model=asdict(self._start.config),
            model_sha256=self._start.sha256,
            data_sha256=self._data.sha256,
            tokenizer_sha256=self._data.tokenizer_sha256,
            versions={"torch": torch.__version__},
            files=files,
        )

    def _check_same(self, earlier: checkpoints.Manifest) -> None:
        """InputError if what is in `--out` was begun with other settings, weights or data."""
        out = self._settings.out
        for name, value in self._settings.lasting.items():
            if earlier.settings.get(name) != value:
                raise InputError(
                    f"{out} holds a run with --{name.replace('_', '-')}"
                    f" {earlier.settings.get(name)}, not {value}; give the same to continue it,"
                    f" or another --out"
                )
        for sha256, ours, option in (
            (earlier.data_sha256, self._data.sha256, "data"),
            (earlier.model_sha256, self._start.sha256, "model"),
        ):
            if sha256 != ours:
                raise InputError(
                    f"{out} holds a run on another {option} than"
                    f" {getattr(self._settings, option)} has now; give the same --{option} to"
                    f" continue it, or another --out"
                )


def _loader(folder: Path, group: torch.distributed.ProcessGroup) -> Callable[[State], None]:
    return lambda state: load(state, checkpoint_id=folder, process_group=group)


def _nothing() -> None:
    """For processes that have no metrics to publish."""
