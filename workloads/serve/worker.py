"""Generation off the event loop: one at a time, in a thread, given up when nobody listens."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator, Sequence
from concurrent.futures import ThreadPoolExecutor

from workloads.serve.engine import Engine, Piece, Sampling


class Worker:
    """The engine's one thread and the requests that wait for it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="generate")
        self._closing = threading.Event()
        self._requests = 0

    @property
    def running(self) -> int:
        """How many answers are under way: the thread has one at a time."""
        return min(1, self._requests)

    @property
    def waiting(self) -> int:
        """How many requests stand behind it."""
        return self._requests - self.running

    async def generate(
        self, prompt: Sequence[int], sampling: Sampling
    ) -> AsyncGenerator[Piece, None]:
        """Pieces as they come; closing the generator ends the work within one token."""
        loop = asyncio.get_running_loop()
        pieces: asyncio.Queue[Piece | BaseException | None] = asyncio.Queue()
        left = threading.Event()

        def tell(what: Piece | BaseException | None) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended, and with it the listener
                loop.call_soon_threadsafe(pieces.put_nowait, what)

        def work() -> None:
            try:
                for piece in self._engine.generate(
                    prompt, sampling, cancelled=lambda: left.is_set() or self._closing.is_set()
                ):
                    tell(piece)
                tell(None)
            except BaseException as error:
                tell(error)

        waiting = self._thread.submit(work)
        self._requests += 1
        try:
            while (piece := await pieces.get()) is not None:
                if isinstance(piece, BaseException):
                    raise piece
                yield piece
        finally:
            self._requests -= 1
            left.set()
            waiting.cancel()

    def close(self) -> None:
        """Give up what is under way and let the thread end."""
        self._closing.set()
        self._thread.shutdown(cancel_futures=True)
