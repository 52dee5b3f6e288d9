"""A run's folder: picked up where it was left, and sealed with each checkpoint."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import torch

from workloads import checkpoints
from workloads.command import InputError, progress
from workloads.dataset import Dataset
from workloads.files import open_folder
from workloads.llama import Llama
from workloads.train.metrics import Metrics
from workloads.train.native import Native
from workloads.train.settings import Settings


class Run:
    """What is in `--out`; files are made below `work`, which is `--out` itself if that is here."""

    def __init__(
        self, settings: Settings, native: Native, *, dataset: Dataset, scratch: Path
    ) -> None:
        self.out = open_folder(settings.out)
        self.metrics: Metrics | None = None  # the first process's, once resumed
        self._settings = settings
        self._native = native
        self._dataset = dataset
        self._scratch = scratch
        self._work = self.out.path or scratch / "run"

    def resume(self, model: Llama, optimizer: torch.optim.AdamW) -> int:
        """Load the newest good checkpoint and give its step; 0 when there is none."""
        first = self._native.place.rank == 0
        found = None
        if first:
            found = checkpoints.newest(self.out, self._scratch, progress)
            if found is not None:
                self._check_same(found.manifest)
        step = self._native.from_first(found.manifest.step if found else 0)
        if first:
            self.metrics = Metrics(self.out, self._work, resumed_step=step)
            if step:
                self.point_to(step)  # a kill or damage may have left it at another
        if step:
            if not first and self._native.place.local_rank == 0 and self.out.path is None:
                checkpoints.fetch(self.out, step, self._scratch)  # for this machine's processes
            self._native.barrier()
            folder = (self.out.path or self._scratch) / checkpoints.folder_name(step)
            self._native.load(model, optimizer, folder)
        return step

    def save(self, step: int, model: Llama, optimizer: torch.optim.AdamW) -> None:
        """Write a checkpoint: every file, then the manifest, then the pointer to it."""
        native, place = self._native, self._native.place
        name = checkpoints.folder_name(step)
        folder, target = self._work / name, self.out.folder(name)
        if place.rank == 0:  # what a broken run left there is no part of this one
            target.delete(checkpoints.MANIFEST)
        if place.local_rank == 0:
            shutil.rmtree(folder, ignore_errors=True)
        native.barrier()

        native.save(model, optimizer, folder)
        # Where machines have a folder each, each uploads its own; a shared one is rank 0's to read.
        files = {}
        if place.rank == 0 or (place.local_rank == 0 and self.out.path is None):
            files = checkpoints.describe_files(folder)
            for file in files:
                target.upload(folder / file, file)
        everybodys = native.gather(files)
        if place.rank == 0:
            assert self.metrics is not None
            self.metrics.publish()
            manifest = self._manifest(step, {k: v for some in everybodys for k, v in some.items()})
            target.write(checkpoints.MANIFEST, manifest.to_json())
            self.point_to(step)
        if self.out.path is None and place.local_rank == 0:
            shutil.rmtree(folder)
        native.barrier()

    def point_to(self, step: int) -> None:
        """Write latest.json, for those who do not look through the checkpoints themselves."""
        latest = {"step": step, "checkpoint": checkpoints.folder_name(step)}
        self.out.write(checkpoints.LATEST, json.dumps(latest, indent=2).encode() + b"\n")

    def _manifest(self, step: int, files: dict[str, dict[str, object]]) -> checkpoints.Manifest:
        return checkpoints.Manifest(
            step=step,
            world_size=self._native.place.world_size,
            settings=self._settings.lasting,
            model=asdict(self._settings.architecture(self._dataset)),
            data_sha256=self._dataset.sha256,
            tokenizer_sha256=self._dataset.tokenizer_sha256,
            versions={"torch": torch.__version__},
            files=files,
        )

    def _check_same(self, earlier: checkpoints.Manifest) -> None:
        """InputError if what is in `--out` was begun with other settings or data."""
        out = self._settings.out
        for name, value in self._settings.lasting.items():
            if earlier.settings.get(name) != value:
                raise InputError(
                    f"{out} holds a run with --{name.replace('_', '-')}"
                    f" {earlier.settings.get(name)}, not {value}; give the same to continue it,"
                    f" or another --out"
                )
        if earlier.data_sha256 != self._dataset.sha256:
            raise InputError(
                f"{out} holds a run on other data than {self._settings.data};"
                f" give the same --data to continue it, or another --out"
            )
