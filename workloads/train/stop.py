"""When a run is asked to end before its last step, and whether a checkpoint can still be made."""

import math
import threading
import time
from types import FrameType


class Stop:
    """Raised by the first SIGTERM or Ctrl-C; what comes after it changes nothing."""

    def __init__(self, grace: float = 0.0) -> None:
        """`grace`: seconds between the signal and the end, as whoever sends it promises."""
        self.asked = threading.Event()
        self.grace = grace
        self._since = math.inf

    def on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if not self.asked.is_set():
            self._since = time.monotonic()
            self.asked.set()

    def seconds_left(self) -> float:
        """Infinite while nobody has asked."""
        return self._since + self.grace - time.monotonic()
