"""Whether an engine hangs: it has requests running, and nothing about them moves."""

from dataclasses import dataclass

from tokenlane_worker.engine.protocol import EngineStats


@dataclass(frozen=True, slots=True)
class Pulse:
    """What was last seen of an engine, and when it last moved. Unit of `moved_s`: seconds of any steady clock."""

    stats: EngineStats
    moved_s: float


def observe(before: Pulse | None, stats: EngineStats, now_s: float) -> Pulse:
    """The pulse after `stats` were read. An engine without work counts as moving."""
    if before is None or not stats.running or _totals(stats) != _totals(before.stats):
        return Pulse(stats, now_s)
    return Pulse(stats, before.moved_s)


def stalled(pulse: Pulse | None, now_s: float, limit_s: float) -> bool:
    """Whether the engine has had requests running without any motion for `limit_s`; 0 is for ever. Ask this also while
    statistics do not come, as from an engine that hangs altogether. One that never told a total is never stalled."""
    if pulse is None or not limit_s or not pulse.stats.running:
        return False
    return bool(pulse.stats.prompt_tokens or pulse.stats.generation_tokens) and now_s - pulse.moved_s >= limit_s


def _totals(stats: EngineStats) -> tuple[int, int, int, float]:
    """What moves while an engine works. The fill of the KV cache grows during a long prefill, when no total does."""
    return stats.prompt_tokens, stats.generation_tokens, stats.preemptions, stats.kv_usage
