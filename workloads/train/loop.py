"""The step loop: batch, loss, gradient, update; and when to save and to stop."""

import time
from collections.abc import Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.optim import Optimizer

from workloads.command import StageError, progress
from workloads.dataset import Dataset
from workloads.llama import Llama
from workloads.train.backend import Backend, Peak
from workloads.train.data import Sequences, batch_numbers
from workloads.train.flops import flops_per_token
from workloads.train.publisher import Publisher, publishing
from workloads.train.recorder import WINDOW_STEPS, Recorder, Work
from workloads.train.run import Run
from workloads.train.saver import Saver
from workloads.train.schedule import Rates
from workloads.train.settings import Settings
from workloads.train.start import open_start
from workloads.train.stop import Stop
from workloads.train.summary import finish, introduce
from workloads.train.workspace import open_data, scratch_folder

# Enough to meet every graph: the first step, the next ones, and a window on its way.
COLLECTED_STEPS = WINDOW_STEPS + 2


def train(settings: Settings, backend: Backend, stop: Stop, *, collecting: bool = False) -> None:
    """Train to the last step, from where the run in `--out` was left.

    `stop` is asked every step; if it was raised in any process, all save after the step and end.
    `collecting`: the device computes nothing and only notes what it would have to compile (Neuron's
    neuron_parallel_compile); a few steps are made, and nothing is read from them or written.
    """
    settings.shares(backend.host.place.world_size)  # or refuse before anything is touched
    with scratch_folder(backend.host) as scratch:
        dataset, path = open_data(settings.data, backend.host, scratch)
        start = open_start(settings, dataset, backend.host, scratch)
        model, optimizer = backend.prepare(
            start.make(), accumulate=settings.shares(backend.host.place.world_size)[0] > 1
        )
        loop = Loop(settings, backend, model, optimizer, dataset=dataset, data=path)
        if collecting:
            loop.collect()
            return
        run = Run(settings, backend, start, data=dataset, scratch=scratch)
        first = backend.host.place.rank == 0
        with publishing(settings.cloudwatch if first else "") as publisher:
            loop.run(run, stop, publisher)


class Loop:
    """A model in training; its parts are found once, before the first step."""

    def __init__(
        self,
        settings: Settings,
        backend: Backend,
        model: Llama,
        optimizer: Optimizer,
        *,
        dataset: Dataset,
        data: Path,
    ) -> None:
        self._settings, self._backend = settings, backend
        self._model, self._optimizer = model, optimizer
        self._dataset = dataset
        self._sequences = Sequences(dataset, data)
        self._count, self._size = settings.shares(backend.host.place.world_size)
        self._data_seconds = 0.0
        self._parameters = sum(parameter.numel() for parameter in model.parameters())

    def run(self, run: Run, stop: Stop, publisher: Publisher | None) -> None:
        """From the last checkpoint to the last step, or until `stop`."""
        settings, backend, host = self._settings, self._backend, self._backend.host
        step, saver = run.resume(self._model, self._optimizer)
        work = self._work(backend.peak() if step < settings.steps else None)
        if run.metrics is not None:
            introduce(settings, backend, self._parameters, work, step=step)
        skipped = sum(row.get("skipped", False) for row in run.metrics.rows()) if run.metrics else 0
        recorder = Recorder(
            backend,
            run.metrics,
            work,
            step=step,
            may_skip=settings.nan_skip - host.from_first(skipped),
            publisher=publisher,
        )
        rates = self._rates(after=step)
        stopped = False
        try:
            while step < settings.steps and not stopped:
                vote = host.any_soon(stop.asked.is_set())
                step += 1
                loss, norm = self.step(step, rates)
                recorder.add(loss=loss, norm=norm, data_seconds=self._data_seconds)
                stopped = vote.wait()
                if stopped or step == settings.steps or step % settings.checkpoint_every == 0:
                    self._save(step, recorder, saver, stop)
            _wait(recorder, saver)
        except StageError:
            saver.wait()  # what is under way is of before, and finite
            raise
        if run.metrics is None or run.attempts is None:
            return
        if step < settings.steps:
            raise StageError(
                f"stopped as asked after step {step}; the same command continues from it"
            )
        title = f"{settings.model}, {self._parameters:,} parameters"
        finish(run.out, run.metrics, run.attempts, title=title, dataset=self._dataset, work=work)

    def collect(self) -> None:
        """A few steps of nothing, for the graphs."""
        rates = self._rates(after=0)
        values: list[Tensor] = []
        for step in range(1, COLLECTED_STEPS + 1):
            values += self.step(step, rates)
            if step == WINDOW_STEPS:
                self._backend.fetch(values)()
        progress(f"{COLLECTED_STEPS} steps for their graphs alone; nothing was trained")

    def step(self, step: int, rates: Rates) -> tuple[Tensor, Tensor]:
        """One step; its loss in this process and its gradient's norm, both still on the device."""
        loss = torch.zeros((), device=self._backend.device)
        for i, rows in enumerate(self._micro_batches(step)):
            part = F.cross_entropy(
                self._model(rows[:, :-1]).flatten(0, 1).float(), rows[:, 1:].flatten()
            )
            part = part / self._count
            self._backend.backward(self._model, part, last=i == self._count - 1)
            loss = loss + part.detach()
        norm = self._backend.update(
            self._model, self._optimizer, rates.next(), skip_bad=self._settings.nan_skip > 0
        )
        return loss, norm

    def _micro_batches(self, step: int) -> Iterator[Tensor]:
        """This process's sequences of the step, on the device."""
        started = time.perf_counter()
        settings, rank = self._settings, self._backend.host.place.rank
        numbers = batch_numbers(
            count=len(self._sequences), seed=settings.seed, step=step, batch=settings.batch
        )
        share = self._count * self._size
        rows = torch.from_numpy(self._sequences.rows(numbers[rank * share : (rank + 1) * share]))
        parts = [self._backend.put(part) for part in torch.split(rows, self._size)]
        self._data_seconds = time.perf_counter() - started
        yield from parts

    def _save(self, step: int, recorder: Recorder, saver: Saver, stop: Stop) -> None:
        """StageError, in every process, if that would not end before the machine is gone."""
        recorder.settle()  # what is saved has a finite loss
        left, needed = min(self._backend.host.gather((stop.seconds_left(), saver.slowest_seconds)))
        if left < needed:
            _wait(recorder, saver)
            raise StageError(
                f"stopped as asked after step {step} without saving it: {left:.0f} s were left and"
                f" a checkpoint takes {needed:.0f} s here; the same command continues from the last"
            )
        started = time.perf_counter()
        saver.start(step, self._backend.state(self._model, self._optimizer))
        recorder.stood_still(time.perf_counter() - started)

    def _rates(self, *, after: int) -> Rates:
        rates = [self._settings.rate(step) for step in range(1, self._settings.steps + 1)]
        return Rates(rates, after=after, device=self._backend.device)

    def _work(self, peak: Peak | None) -> Work:
        settings, devices = self._settings, self._backend.host.place.world_size
        length = self._dataset.sequence_length
        return Work(
            tokens=settings.batch * length,
            devices=devices,
            steps=settings.steps,
            rate=settings.rate,
            usd_per_hour=settings.usd_per_hour or None,
            flops_per_token=flops_per_token(self._model, length),
            peak=peak,
        )


def _wait(recorder: Recorder, saver: Saver) -> None:
    """Until everything is written."""
    recorder.settle()
    saver.wait()
