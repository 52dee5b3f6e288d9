"""The learning rate of each step."""

import math

import torch
from torch import Tensor

LOWEST = 0.1  # of the peak, reached at the last step


def learning_rate(step: int, *, peak: float, warmup_steps: int, steps: int) -> float:
    """Up in a line over the warm-up, then down half a cosine; `step` counts from 1."""
    if step <= warmup_steps:
        return peak * step / warmup_steps
    done = (step - warmup_steps) / max(1, steps - warmup_steps)
    return peak * (LOWEST + (1 - LOWEST) * (1 + math.cos(math.pi * done)) / 2)


class Rates:
    """The steps' rates on the device, read there one after the other.

    A rate that came from the host would be waited for; one that is a constant of the graph would
    have every step compiled anew.
    """

    def __init__(self, rates: list[float], *, after: int, device: torch.device) -> None:
        """`after`: the steps already done."""
        self._rates = torch.tensor(rates).to(device)
        self._position = torch.tensor([after]).to(device)

    def next(self) -> Tensor:
        """A scalar."""
        rate = self._rates.index_select(0, self._position)[0]
        self._position = self._position + 1
        return rate
