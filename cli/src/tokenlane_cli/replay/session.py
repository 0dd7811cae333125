"""A replay from the first probe to the exit code."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from tokenlane_cli.errors import UsageError
from tokenlane_cli.replay.client import LoadClient, Outcome
from tokenlane_cli.replay.display import show_progress
from tokenlane_cli.replay.preemptions import PreemptionWatch
from tokenlane_cli.replay.prompt import Bodies, Calibration, cap
from tokenlane_cli.replay.report import LaneReport, as_json, reports
from tokenlane_cli.replay.run import INTERRUPTED, Tally, calibrate, send_all
from tokenlane_cli.replay.table import failure_lines, replay_table
from tokenlane_cli.replay.target import Target
from tokenlane_cli.traces.arrivals import Arrival

_TIMEOUT_S = 3600
_LATE_S = 0.25
_EXIT_INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """What to replay and how. `max_context` in tokens, None: the engine's own."""

    trace: Path
    speedup: float
    limit: int | None
    max_context: int | None
    concurrency: int | None
    rate: float | None
    seed: int
    json_file: Path | None
    data_dir: Path


async def run_replay(console: Console, target: Target, trace: Sequence[Arrival], options: ReplayOptions) -> int:
    """Send the trace, print what came back. Returns 0 if nothing was lost, 1 if a request failed, 130 after Ctrl-C.

    Raises StackFailedError when not even the first request is answered."""
    context = options.max_context or target.context
    arrivals = [cap(arrival, context) for arrival in trace] if context else list(trace)
    shortened = sum(1 for before, after in zip(trace, arrivals, strict=True) if before is not after)
    if shortened:
        console.print(f"{shortened:,} of {len(trace):,} requests cut to fit the context of {context:,} tokens")
    sent = await _send(console, target, arrivals, options, context)
    found = reports(sent.outcomes, sent.preemptions)
    if options.json_file:
        metadata = _metadata(target, options, sent) | {"context": context, "shortened": shortened}
        options.json_file.write_text(json.dumps(as_json(metadata, found, sent.outcomes), indent=1))
    _print(console, found, sent)
    return _exit_code(sent.outcomes)


@dataclass(frozen=True, slots=True)
class _Sent:
    outcomes: list[Outcome]
    preemptions: dict[str, int]
    counts: Calibration
    took_s: float
    late_s: float

    @property
    def simulated(self) -> bool:
        return any(outcome.simulated for outcome in self.outcomes)


async def _send(
    console: Console, target: Target, arrivals: list[Arrival], options: ReplayOptions, context: int
) -> _Sent:
    bodies, tally = Bodies(target.model, options.seed), Tally()
    async with LoadClient(target.url, target.api_key, _TIMEOUT_S) as client:
        counts = await calibrate(client, bodies, context)
        async with PreemptionWatch(options.data_dir, target.url) as watch:
            began = time.perf_counter()
            with show_progress(console, tally, len(arrivals)):
                outcomes = await send_all(
                    client,
                    arrivals,
                    lambda a: bodies.for_tokens(a.prompt_tokens, a.output_tokens, counts),
                    options.speedup,
                    options.concurrency,
                    tally,
                )
            took_s = time.perf_counter() - began
            preemptions = await watch.by_lane()
    return _Sent(outcomes, preemptions, counts, took_s, tally.late_s)


def _metadata(target: Target, options: ReplayOptions, sent: _Sent) -> dict[str, Any]:
    return {
        "trace": options.trace.name,
        "requests": len(sent.outcomes),
        "speedup": options.speedup,
        "rate": options.rate,
        "seed": options.seed,
        "concurrency": options.concurrency,
        "url": target.url,
        "model": target.model,
        "engine": target.engine,
        "simulated": sent.simulated,
        "bytes_per_token": sent.counts.bytes_per_token,
        "took_s": sent.took_s,
        "latest_send_s": sent.late_s,
    }


def check_json_file(path: Path | None) -> None:
    """Raise UsageError now rather than after the replay if the file cannot be written."""
    try:
        if path is not None:
            path.open("a").close()
    except OSError as error:
        raise UsageError(f"cannot write --json {path}: {error.strerror}") from None


def _print(console: Console, found: Sequence[LaneReport], sent: _Sent) -> None:
    console.print(replay_table(found, sent.simulated))
    total = found[-1]
    for line in failure_lines(total):
        console.print(line)
    rate, tokens = total.requests / sent.took_s, total.output_tokens / sent.took_s
    took = f"{total.requests:,} requests in {sent.took_s:.1f} s"
    console.print(f"{took}: {rate:.1f} requests/s, {tokens:,.0f} output tokens/s")
    if sent.late_s > _LATE_S:
        console.print(f"[yellow]The sender fell behind its schedule by up to {sent.late_s:.2f} s[/]")
    lost = sum(total.failures.values())
    console.print(f"[red]{lost:,} lost[/]" if lost else "[green]none lost[/]")


def _exit_code(outcomes: Sequence[Outcome]) -> int:
    if any(outcome.error == INTERRUPTED for outcome in outcomes):
        return _EXIT_INTERRUPTED
    return 1 if any(outcome.error for outcome in outcomes) else 0
