"""The learning rate of each step."""

import math

LOWEST = 0.1  # of the peak, reached at the last step


def learning_rate(step: int, *, peak: float, warmup_steps: int, steps: int) -> float:
    """Up in a line over the warm-up, then down half a cosine; `step` counts from 1."""
    if step <= warmup_steps:
        return peak * step / warmup_steps
    done = (step - warmup_steps) / max(1, steps - warmup_steps)
    return peak * (LOWEST + (1 - LOWEST) * (1 + math.cos(math.pi * done)) / 2)
