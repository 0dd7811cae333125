"""Sends a trace at its own pace, divided by the speed-up."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tokenlane_cli.errors import StackFailedError
from tokenlane_cli.replay.client import LoadClient, Outcome
from tokenlane_cli.replay.prompt import Bodies, Calibration, calibration
from tokenlane_cli.traces.arrivals import Arrival

_PROBE_BYTES = 2_400
INTERRUPTED = "interrupted"


@dataclass(slots=True)
class Tally:
    """Where the replay stands. `late_s`: the most that a request was sent after its time."""

    sent: int = 0
    done: int = 0
    failed: int = 0
    late_s: float = 0.0

    @property
    def in_flight(self) -> int:
        """Sent and not answered in full."""
        return self.sent - self.done


async def calibrate(client: LoadClient, bodies: Bodies, context: int) -> Calibration:
    """How the model counts, from two requests' usage. `context` in tokens, 0: not known. Raises StackFailedError with
    the reason if they fail."""
    # No tokenizer needs more tokens than bytes: this fits any context.
    large = min(_PROBE_BYTES, context // 2) if context else _PROBE_BYTES
    points = []
    for size in (large // 6, large):
        outcome = await client.send(-1, 0.0, bodies.of_size(size, 1))
        if outcome.error or outcome.prompt_tokens is None:
            raise StackFailedError(f"the first request failed: {outcome.error or 'its answer names no usage'}")
        points.append((size, outcome.prompt_tokens))
    return calibration(points[0], points[1])


async def send_all(
    client: LoadClient,
    arrivals: Sequence[Arrival],
    body_for: Callable[[Arrival], bytes],
    speedup: float,
    concurrency: int | None,
    tally: Tally,
) -> list[Outcome]:
    """One outcome for each arrival, in order. Cancelled: what is not finished is an outcome with the error
    `INTERRUPTED`. `concurrency` bounds the requests in flight; without it each is sent at its time."""
    outcomes: list[Outcome | None] = [None] * len(arrivals)
    slots = asyncio.Semaphore(concurrency) if concurrency else None
    began = time.perf_counter()

    async def one(index: int, arrival: Arrival) -> None:
        outcome = await client.send(index, time.perf_counter() - began, body_for(arrival))
        outcomes[index] = outcome
        tally.done += 1
        tally.failed += bool(outcome.error)
        if slots is not None:
            slots.release()

    try:
        async with asyncio.TaskGroup() as group:
            for index, arrival in enumerate(arrivals):
                due = began + arrival.at_s / speedup
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                if slots is not None:
                    await slots.acquire()
                tally.late_s = max(tally.late_s, time.perf_counter() - due)
                tally.sent += 1
                group.create_task(one(index, arrival))
    except asyncio.CancelledError:
        pass
    return [outcome or Outcome(index, 0.0, error=INTERRUPTED) for index, outcome in enumerate(outcomes)]
