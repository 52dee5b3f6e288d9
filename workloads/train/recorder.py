"""From the device's numbers to rows of metrics, a window of steps late, so that nothing waits."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from workloads.command import StageError, progress
from workloads.train.backend import Backend, Peak
from workloads.train.metrics import Metrics, Row
from workloads.train.publisher import Publisher

WINDOW_STEPS = 10  # brought to the host together


@dataclass(frozen=True, kw_only=True)
class Work:
    """What one step is: over all processes, and what it would cost and could reach."""

    tokens: int
    devices: int
    steps: int  # of the whole run
    rate: Callable[[int], float]  # the learning rate of a step
    usd_per_hour: float | None  # of all machines together
    flops_per_token: int
    peak: Peak | None  # of one device

    @property
    def peak_flops(self) -> float | None:
        """Per second, of all devices together."""
        return self.peak.tflops * 1e12 * self.devices if self.peak else None


class Recorder:
    """The steps since the last window, and the window under way to the host."""

    def __init__(
        self,
        backend: Backend,
        metrics: Metrics | None,
        work: Work,
        *,
        step: int,
        may_skip: int,
        publisher: Publisher | None = None,
    ) -> None:
        """Begin after `step`; `metrics` only in the first process. `may_skip` steps without a
        finite loss and gradient are left, the next one ends the run."""
        self._backend = backend
        self._metrics = metrics
        self._publisher = publisher
        self._work = work
        self._step = step  # the last one added
        self._may_skip = may_skip
        self._recent: list[tuple[Tensor, Tensor]] = []  # loss and norm
        self._data_seconds = 0.0
        self._stood_still = 0.0  # for the checkpoint before the window
        self._arriving: Callable[[], None] | None = None
        self._since = time.perf_counter()

    def add(self, *, loss: Tensor, norm: Tensor, data_seconds: float) -> None:
        """A step done, its numbers still on the device."""
        self._step += 1
        self._recent.append((loss, norm))
        self._data_seconds += data_seconds
        if len(self._recent) == WINDOW_STEPS:
            self._send()

    def settle(self) -> None:
        """Wait for everything and write it; StageError if a loss was no number too often."""
        self._send()
        self._receive()

    def stood_still(self, seconds: float) -> None:
        """The loop waited for a checkpoint that long."""
        self._stood_still += seconds
        self._since += seconds

    def _send(self) -> None:
        """Begin to fetch this window, once the one before it has come."""
        if not self._recent:
            return
        count = len(self._recent)
        numbers = [number for both in self._recent for number in both]
        fetched = self._backend.fetch(numbers)
        self._receive()
        now = time.perf_counter()
        window = _Window(
            first=self._step - count + 1,
            count=count,
            seconds=(now - self._since) / count,
            data_seconds=self._data_seconds / count,
            stood_still=self._stood_still,
        )
        self._recent, self._data_seconds, self._stood_still = [], 0.0, 0.0
        self._since = now

        def arrive() -> None:
            arrived = fetched()
            self._write(window, list(zip(arrived[::2], arrived[1::2], strict=True)))

        self._arriving = arrive

    def _receive(self) -> None:
        if self._arriving is not None:
            arrived, self._arriving = self._arriving, None
            arrived()

    def _write(self, window: "_Window", numbers: Sequence[tuple[float, float]]) -> None:
        """Check the window in every process; in the first, write its rows."""
        rows = [self._row(window, window.first + i, *both) for i, both in enumerate(numbers)]
        for row, (loss, norm) in zip(rows, numbers, strict=True):
            if not row.skipped:
                continue
            self._may_skip -= 1
            if self._may_skip < 0:
                raise StageError(
                    f"the loss of step {row.step} is {loss} and its gradient's norm {norm}; try a"
                    " smaller --learning-rate, or leave out a few such steps with --nan-skip"
                )
            if self._metrics is not None:
                progress(f"warning: step {row.step} is left out, its gradient's norm is {norm}")
        if self._metrics is not None:
            self._metrics.append(rows)
            if self._publisher is not None:
                self._publisher.tell(rows)
            last = rows[-1]
            loss = math.nan if last.loss is None else last.loss
            of_peak = "" if last.mfu is None else f"  {last.mfu:.1%} of peak"
            progress(
                f"step {last.step}/{self._work.steps}  loss {loss:.3f}"
                f"  {last.tokens_per_second:,.0f} tokens/s{of_peak}"
            )

    def _row(self, window: "_Window", step: int, loss: float, norm: float) -> Row:
        work = self._work
        per_second = work.tokens / window.seconds
        finite = math.isfinite(loss) and math.isfinite(norm)
        usd, peak = work.usd_per_hour, work.peak_flops
        return Row(
            step=step,
            loss=loss if math.isfinite(loss) else None,
            grad_norm=norm if math.isfinite(norm) else None,
            learning_rate=work.rate(step),
            tokens=step * work.tokens,
            tokens_per_second=round(per_second, 1),
            tokens_per_second_per_device=round(per_second / work.devices, 1),
            seconds=round(window.seconds, 6),
            data_seconds=round(window.data_seconds, 6),
            checkpoint_seconds=round(window.stood_still, 6) if step == window.first else 0.0,
            tokens_per_usd=round(per_second * 3600 / usd) if usd else None,
            mfu=round(per_second * work.flops_per_token / peak, 5) if peak else None,
            skipped=not finite,
        )


@dataclass(frozen=True, kw_only=True)
class _Window:
    """How long the steps from `first` on took, each."""

    first: int
    count: int
    seconds: float
    data_seconds: float
    stood_still: float
