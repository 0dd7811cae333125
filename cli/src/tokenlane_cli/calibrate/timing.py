"""From the tokens of streams to the time of a step. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from tokenlane_cli.calibrate.load import Load
from tokenlane_cli.calibrate.stream import Streamed
from tokenlane_fleet import Batch, Request, Scheduler, SchedulerLimits

# Tokens after the last stream's first one that still feel the others' prompts, and the length of one measurement.
_SETTLE = 2
_SPAN = 8


@dataclass(frozen=True, slots=True)
class Timing:
    """`seconds` of one decode step of `streams` sequences on `context` tokens each; or, for a prefill, from the
    request of a prompt of `context` tokens to its first token."""

    load: Load
    context: int
    seconds: float


def decode_timing(load: Load, streams: Sequence[Streamed]) -> Timing | None:
    """Over the time in which all streams decode. None where they never did so together for long enough: some waited
    until others were done.

    The median over spans of tokens of the same stream: no span begins or ends between two tokens."""
    begin = max(stream.events[0] if stream.events else float("inf") for stream in streams)
    end = min(stream.events[-1] if stream.events else float("-inf") for stream in streams)
    seconds: list[float] = []
    contexts: list[float] = []
    for stream in streams:
        inside = [at for at, came in enumerate(stream.events) if begin <= came <= end][_SETTLE:]
        tokens_per_event = max(1.0, stream.output_tokens / len(stream.events)) if stream.events else 1.0
        for first, last in zip(inside, inside[_SPAN:], strict=False):
            seconds.append((stream.events[last] - stream.events[first]) / (_SPAN * tokens_per_event))
            contexts.append((stream.prompt_tokens or load.prompt_tokens) + (first + last) / 2 * tokens_per_event + 1)
    if not seconds:
        return None
    return Timing(load, round(median(contexts)), median(seconds))


def prefill_timing(load: Load, stream: Streamed) -> Timing | None:
    if not stream.events:
        return None
    return Timing(load, stream.prompt_tokens or load.prompt_tokens, stream.events[0] - stream.began)


def batches(timing: Timing, max_num_batched_tokens: int) -> tuple[Batch, ...]:
    """The steps that were timed: one decode step, or those in which the scheduler runs the prompt alone."""
    if not timing.load.is_prefill:
        streams = timing.load.streams
        return (Batch(0, streams, streams, streams * timing.context, 0),)
    blocks = -(-(timing.context + 1) // 16) + 2
    limits = SchedulerLimits(blocks, 16, 1, max_num_batched_tokens, timing.context + 1)
    scheduler = Scheduler(limits)
    scheduler.add(Request(0, timing.context, 1))
    steps = []
    while scheduler.has_work():
        steps.append(scheduler.step().batch)
    return tuple(steps)
