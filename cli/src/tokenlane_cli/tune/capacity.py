"""What a lane's worker computes in a second, from step times or from what was recorded. Pure."""

from dataclasses import replace

from tokenlane_cli.tune.present import LaneNow, Present
from tokenlane_cli.tune.traffic import ModelTraffic
from tokenlane_fleet.boundary.traffic import LaneCapacity
from tokenlane_fleet.hardware.hardware import Hardware
from tokenlane_fleet.outcome import Batch

# Without step times: how full the workers were in the busiest hour.
ASSUMED_UTILISATION = 0.5
_HOUR_S = 3600


def capacities(traffic: ModelTraffic, present: Present, hardware: Hardware | None) -> tuple[LaneCapacity, ...]:
    """The lanes as boundaries are computed from them, with the workers that they have."""
    longest = max(1, traffic.total.largest)
    if hardware is None:
        rate = recorded_tokens_per_s(traffic, sum(lane.replicas for lane in present.lanes))
        held = longest
    else:
        rate, held = tokens_per_s(hardware, traffic.prompt.mean, traffic.output.mean), hardware.max_model_len
    lanes = _two_of(present.lanes[0]) if len(present.lanes) == 1 else present.lanes
    return tuple(
        LaneCapacity(lane.name, lane.replicas, rate, lane.max_model_len or held, lane.elastic) for lane in lanes
    )


def _two_of(lane: LaneNow) -> tuple[LaneNow, ...]:
    """A single lane's workers as two lanes that could be; one worker cannot be divided."""
    if lane.replicas < 2:
        return (lane,)
    short = lane.replicas // 2
    return replace(lane, name="short", replicas=short), replace(lane, name="long", replicas=lane.replicas - short)


def tokens_per_s(hardware: Hardware, prompt: float, output: float) -> float:
    """Prompt and output tokens of one engine that is full of average requests: each prompt is computed once, and each
    output token takes its part of a step."""
    held = prompt + output
    seqs = max(1, min(hardware.default_max_num_seqs, int(hardware.kv_tokens / max(1.0, held))))
    step_s = hardware.cost.seconds(Batch(0, seqs, seqs, round(seqs * (prompt + output / 2)), 0))
    chunk = min(hardware.default_max_num_batched_tokens, hardware.max_model_len)
    full_s = hardware.cost.seconds(Batch(chunk, 0, 1, chunk, chunk * (chunk + 1) // 2))
    request_s = prompt * full_s / chunk + output * step_s / seqs
    return held / request_s if request_s > 0 else float("inf")


def recorded_tokens_per_s(traffic: ModelTraffic, workers: int) -> float:
    """A guess where no step times are known: the busiest hour's tokens, as if it had filled half of what the workers
    can do."""
    busiest = max(hour.prompt_tokens + hour.output_tokens for hour in traffic.hours.values())
    seconds = min(_HOUR_S, max(1.0, traffic.span_s))
    return max(1.0, busiest / seconds / workers / ASSUMED_UTILISATION)


def busiest_rate(traffic: ModelTraffic) -> float:
    """Requests a second in the hour that had most; 0 where all came at once."""
    seconds = min(_HOUR_S, traffic.span_s)
    return max(hour.requests for hour in traffic.hours.values()) / seconds if seconds > 0 else 0.0
