"""The step loop: batch, loss, gradient, update; and when to report, to save and to stop."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from workloads.command import InputError, StageError, progress
from workloads.dataset import Dataset
from workloads.llama import Llama
from workloads.train.data import Sequences, batch_numbers
from workloads.train.metrics import Metrics, Row
from workloads.train.native import Native
from workloads.train.picture import draw_loss
from workloads.train.run import Run
from workloads.train.schedule import learning_rate
from workloads.train.settings import Settings
from workloads.train.workspace import open_data, scratch_folder

REPORT_STEPS = 10  # their numbers stay on the device until then: a step waits for no transfer


@dataclass(frozen=True, kw_only=True)
class Step:
    """A step done, its numbers still on the device."""

    step: int
    loss: Tensor
    grad_norm: Tensor
    learning_rate: float
    seconds: float


def train(settings: Settings, native: Native, *, stopping: Callable[[], bool]) -> None:
    """Train to the last step, from where the run in `--out` was left.

    `stopping` is asked every step; if it says yes in any process, all save after the step and end.
    """
    processes = native.place.world_size
    if settings.batch % processes:
        raise InputError(
            f"--batch {settings.batch} sequences cannot be divided among {processes} processes;"
            f" give a multiple of {processes}"
        )
    with scratch_folder(native) as scratch:
        _train(settings, native, scratch, stopping)


def _train(settings: Settings, native: Native, scratch: Path, stopping: Callable[[], bool]) -> None:
    dataset, path = open_data(settings.data, native, scratch)
    sequences = Sequences(dataset, path)
    model = Llama(settings.architecture(dataset))
    model.initialise(settings.seed)
    size = sum(parameter.numel() for parameter in model.parameters())
    model = native.shard(model)
    optimizer = native.optimizer(model)
    run = Run(settings, native, dataset=dataset, scratch=scratch)
    step = run.resume(model, optimizer)
    if run.metrics is not None:
        begun = f"continues after step {step}" if step else "begins"
        progress(
            f"{settings.model} with {size:,} parameters on {native.place.world_size}"
            f" x {native.device.type} {begun}"
        )

    tokens = settings.batch * dataset.sequence_length
    share = settings.batch // native.place.world_size
    mine = slice(native.place.rank * share, (native.place.rank + 1) * share)
    recent: list[Step] = []
    stop = False
    while step < settings.steps and not stop:
        started = time.perf_counter()
        vote = native.any_soon(stopping())
        step += 1
        numbers = batch_numbers(
            count=len(sequences), seed=settings.seed, step=step, batch=settings.batch
        )
        rows = torch.from_numpy(sequences.rows(numbers[mine])).to(native.device)
        loss = F.cross_entropy(model(rows[:, :-1]).flatten(0, 1), rows[:, 1:].flatten())
        loss.backward()  # type: ignore[no-untyped-call]
        rate = learning_rate(
            step,
            peak=settings.learning_rate,
            warmup_steps=settings.warmup_steps,
            steps=settings.steps,
        )
        norm = native.update(model, optimizer, rate)
        stop = vote.wait()
        recent.append(
            Step(
                step=step,
                loss=loss.detach(),
                grad_norm=norm,
                learning_rate=rate,
                seconds=time.perf_counter() - started,
            )
        )
        save = stop or step == settings.steps or step % settings.checkpoint_every == 0
        if save or step % REPORT_STEPS == 0:
            _report(recent, native, run.metrics, tokens=tokens, steps=settings.steps)
            recent = []
        if save:
            run.save(step, model, optimizer)

    if run.metrics is None:
        return
    if step < settings.steps:
        raise StageError(f"stopped as asked after step {step}; the same command continues from it")
    _finish(run, run.metrics, title=f"{settings.model}, {size:,} parameters", dataset=dataset)


def _report(
    recent: Sequence[Step], native: Native, metrics: Metrics | None, *, tokens: int, steps: int
) -> None:
    """Bring the steps' numbers to the host, in one transfer, and into the metrics."""
    losses = native.mean(torch.stack([done.loss for done in recent])).tolist()
    norms = torch.stack([done.grad_norm for done in recent]).tolist()
    for done, loss in zip(recent, losses, strict=True):
        if not math.isfinite(loss):
            raise StageError(
                f"the loss of step {done.step} is {loss}; try a smaller --learning-rate"
            )
    if metrics is None:
        return
    metrics.append(
        [
            Row(
                step=done.step,
                loss=loss,
                grad_norm=norm,
                learning_rate=done.learning_rate,
                tokens=done.step * tokens,
                tokens_per_second=round(tokens / done.seconds, 1),
                seconds=round(done.seconds, 6),
            )
            for done, loss, norm in zip(recent, losses, norms, strict=True)
        ]
    )
    rate = len(recent) * tokens / sum(done.seconds for done in recent)
    progress(f"step {recent[-1].step}/{steps}  loss {losses[-1]:.3f}  {rate:,.0f} tokens/s")


def _finish(run: Run, metrics: Metrics, *, title: str, dataset: Dataset) -> None:
    """The picture, and the run in one line."""
    rows = metrics.rows()
    try:
        run.out.write("loss.png", draw_loss(rows, title=title, vocabulary=dataset.vocabulary))
    except StageError as error:
        progress(f"warning: {error}")
    print(
        f"{len(rows)} steps, loss {rows[0]['loss']:.2f} to {rows[-1]['loss']:.2f},"
        f" {rows[-1]['tokens']:,} tokens in {sum(row['seconds'] for row in rows):.0f} s,"
        f" in {run.out.uri}",
        flush=True,
    )
