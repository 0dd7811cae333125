"""Puts the loads on the engine, round after round, until the time is up."""

import asyncio
import time
from collections.abc import Callable

from tokenlane_cli.calibrate.load import Load, Room, loads
from tokenlane_cli.calibrate.prompts import Counted, Prompts, counted
from tokenlane_cli.calibrate.stream import Completions, RefusedError, Streamed
from tokenlane_cli.calibrate.timing import Timing, decode_timing, prefill_timing
from tokenlane_cli.errors import UsageError

# A round more brings little; this also bounds the tokens that are asked for.
_MOST_ROUNDS = 9
# A single moment, so it is looked at more than once a round.
_PREFILLS = 3
_PROBE_WORDS = 200
_PROBES = 2

Progress = Callable[[str, float], None]


async def measure(
    completions: Completions, prompts: Prompts, room: Room, seconds: float, progress: Progress
) -> list[Timing]:
    """All that was measured within `seconds`; what is under way at their end is dropped.

    `progress` hears the load at hand and the seconds gone. Raises UsageError where the engine refuses the load."""
    timings: list[Timing] = []
    began = time.monotonic()
    try:
        async with asyncio.timeout(seconds):
            counts = await _count(completions, prompts)
            await _rounds(completions, prompts, counts, room, timings, lambda name: progress(name, _since(began)))
    except TimeoutError:
        pass
    return timings


def _since(began: float) -> float:
    return time.monotonic() - began


async def _rounds(
    completions: Completions,
    prompts: Prompts,
    counts: Counted,
    room: Room,
    timings: list[Timing],
    progress: Callable[[str], None],
) -> None:
    """A load at which not all streams run together, or that is refused, is not tried again."""
    left = loads(room)
    for _ in range(_MOST_ROUNDS):
        for load in list(left):
            progress(load.name)
            for _ in range(_PREFILLS if load.is_prefill else 1):
                timing = await _one(completions, prompts, counts, load)
                if timing is None:
                    left.remove(load)
                    break
                timings.append(timing)


async def _one(completions: Completions, prompts: Prompts, counts: Counted, load: Load) -> Timing | None:
    asked = [prompts.of_tokens(load.prompt_tokens, counts) for _ in range(load.streams)]
    sent = (completions.stream(prompt, load.output_tokens) for prompt in asked)
    answers = await asyncio.gather(*sent, return_exceptions=True)
    streams: list[Streamed] = []
    for answer in answers:
        if isinstance(answer, RefusedError):
            return None
        if isinstance(answer, BaseException):
            raise answer
        streams.append(answer)
    return prefill_timing(load, streams[0]) if load.is_prefill else decode_timing(load, streams)


async def _count(completions: Completions, prompts: Prompts) -> Counted:
    """Also warms up. Raises UsageError where nothing is streamed."""
    for _ in range(_PROBES):
        probe = await completions.stream(prompts.of_words(_PROBE_WORDS), 4)
        if not probe.events:
            raise UsageError("the engine's stream had no token in it")
    return counted(_PROBE_WORDS, probe.prompt_tokens or 2 * _PROBE_WORDS)
