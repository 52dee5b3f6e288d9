"""What a training run was asked to do."""

from dataclasses import dataclass
from typing import Any

from workloads.dataset import Dataset
from workloads.llama import LlamaConfig, sized

LASTING = ("model", "steps", "seed", "batch", "learning_rate", "warmup_steps")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The command's options; `batch` counts sequences over all processes."""

    data: str
    out: str
    model: str
    steps: int
    seed: int
    batch: int
    learning_rate: float
    warmup_steps: int
    checkpoint_every: int
    device: str

    @property
    def lasting(self) -> dict[str, Any]:
        """What the loss depends on: a resumed run must share it."""
        return {name: getattr(self, name) for name in LASTING}

    def architecture(self, dataset: Dataset) -> LlamaConfig:
        return sized(self.model, vocabulary=dataset.vocabulary, context=dataset.sequence_length)
