"""The bandwidth that a fabric must reach, by instance type, from published figures alone."""

from dataclasses import dataclass

MARGIN = 0.8  # of what is published: one slow link costs more, one noisy run less


@dataclass(frozen=True, kw_only=True)
class Published:
    """What nccom-test's all-reduce of `size_bytes` in fp32 reached on two nodes."""

    bus_gib_per_second: float
    size_bytes: int
    source: str

    @property
    def floor(self) -> float:
        return self.bus_gib_per_second * MARGIN


# A type without a row has no floor known: its test says what was measured, and passes.
PAIRS = {
    # The guide's example of two instances with 64 ranks. It names no type; 32 ranks on each were
    # trn1.32xlarge's when it was written (2022), before trn1n.
    "trn1.32xlarge": Published(
        bus_gib_per_second=47.09,
        size_bytes=2**30,
        source="https://awsdocs-neuron.readthedocs-hosted.com/en/latest/tools/neuron-sys-tools/"
        "nccom-test.html",
    ),
}
SIZE_BYTES = 2**30  # of the all-reduce where nothing is published
