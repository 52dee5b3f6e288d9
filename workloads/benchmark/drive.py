"""The open loop: every request leaves at its planned moment, whatever became of the others."""

import asyncio
import gc
import time
from collections.abc import Callable, Sequence

from workloads.benchmark.client import Client, Outcome
from workloads.benchmark.plan import Planned

LEAD_SECONDS = 0.05  # until the first request, so that none is late for being first


async def drive(
    client: Client, planned: Sequence[Planned], *, advance: Callable[[], None] = lambda: None
) -> list[Outcome]:
    """Send all, wait for all answers or their timeouts, in the order of the plan.

    `advance` is called as each request ends.
    """
    gc.collect()  # what piled up before is not to be swept while requests are timed
    began = time.perf_counter() + LEAD_SECONDS
    tasks = []
    for request in planned:
        intended = began + request.at
        if (pause := intended - time.perf_counter()) > 0:
            await asyncio.sleep(pause)
        task = asyncio.create_task(client.ask(request.prompt, intended))
        task.add_done_callback(lambda _: advance())
        tasks.append(task)
    return await asyncio.gather(*tasks)
