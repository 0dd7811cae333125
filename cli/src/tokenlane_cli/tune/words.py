"""What a report says in sentences. Pure."""

from collections.abc import Iterator

from tokenlane_cli.figures import count, duration, plain
from tokenlane_cli.tune.compare_values import FEWER, Comparison, Outcome
from tokenlane_cli.tune.present import Present
from tokenlane_cli.tune.report import Advice
from tokenlane_cli.tune.tally import Tally
from tokenlane_cli.tune.traffic import ModelTraffic
from tokenlane_fleet.hardware.hardware import Hardware

ONE_LANE = "Simulated, one lane serves this traffic better than two."
SAME_BOUNDARY = "Simulated, the boundary that there is serves this traffic better than another one."
NOTHING_BETTER = "Simulated, nothing that was tried serves this traffic noticeably better than what runs now."


def too_few(requests: int, least: int) -> str:
    """Why nothing is recommended."""
    return f"Too little traffic to say anything: {count(requests)} requests, at least {count(least)} are wanted."


def engine(hardware: Hardware | None) -> str:
    """An engine, and where its step times are from; empty where nothing is known."""
    if hardware is None:
        return ""
    gpus = f"{hardware.tensor_parallel} x {hardware.gpu}"
    return f"{hardware.model} on {gpus}, KV cache {count(hardware.kv_tokens)} tokens; step time: {hardware.step_time}"


def notes(skipped: int, traffic: ModelTraffic, present: Present, others: tuple[str, ...]) -> Iterator[str]:
    """What a reader must know of the figures."""
    if others:
        yield f"other models on this bus: {', '.join(map(plain, others))}; --served-model shows one of them"
    if skipped:
        yield f"{count(skipped)} requests could not be read and were left out"
    if traffic.estimated:
        share = traffic.estimated / traffic.requests
        yield (
            f"{share:.0%} of the lengths are estimates (streams whose client did not ask for usage); they are not in "
            "the figures about budgets"
        )
    elsewhere = sum(lane.requests for name, lane in traffic.lanes.items() if name not in _names(present))
    if elsewhere:
        yield f"{count(elsewhere)} requests waited in lanes that are not in use any more"
    if not any(traffic.workers.values()):
        yield "waiting, preemptions and workers were not recorded; --replicas says how many workers there are"
    if any(lane.simulated for lane in present.lanes):
        yield "the engines are SIMULATED, and so are all times"


def simulated(traffic: ModelTraffic, present: Present, hardware: Hardware, comparison: Comparison) -> Iterator[str]:
    """What is assumed, and how near that is to what was recorded."""
    elastic = "help each other when idle" if all(lane.elastic for lane in present.lanes) else "keep to their own"
    yield (
        f"simulated step by step with vLLM's scheduling; step time: {hardware.step_time}; lanes {elastic}; first token "
        "from acceptance on, without the network"
    )
    first = Tally()
    for lane in traffic.lanes.values():
        first.merge(lane.first_data_us)
    if first.count:
        yield (
            f"P99 to the first token of all streamed answers as recorded: {duration(first.quantile(0.99) / 1e6)}; of "
            f"the busiest requests as simulated with what runs now: {duration(comparison.now.ttft_p99_s)}"
        )


def verdict(advice: Advice, present: Present, comparison: Comparison | None) -> tuple[str, ...]:
    """The recommendation in a sentence or two, most important first."""
    said = [_lanes(advice, present)]
    if comparison is not None:
        said += _savings(comparison)
    return tuple(said)


def _lanes(advice: Advice, present: Present) -> str:
    uppers = tuple(lane.up_to_tokens for lane in advice.lanes)
    if uppers == present.uppers:
        return "Keep the boundary where it is." if len(uppers) > 1 else "Keep one lane."
    if len(uppers) == 1:
        return f"One lane is better: send everything to {plain(advice.lanes[0].name)}."
    bounded = ", ".join(f"{plain(lane.name)} up to {count(lane.up_to_tokens)}" for lane in advice.lanes[:-1])
    if len(present.lanes) == 1:
        return f"Two lanes pay: {bounded}, {plain(advice.lanes[-1].name)} above."
    return f"Move the boundary: {bounded} tokens (now {count(present.boundary)})."


def _savings(comparison: Comparison) -> Iterator[str]:
    now = comparison.now
    same = next((outcome for outcome in comparison.with_same if outcome.title == comparison.chosen), None)
    if same is not None:
        yield f"With as many replicas{_split(now, same)}: {_change(now, same)}."
    if comparison.fewest is not None:
        fewer = sum(now.replicas) - sum(comparison.fewest.replicas)
        yield (
            f"As well served as now with {count(fewer)} of {count(sum(now.replicas))} replicas fewer: "
            f"{comparison.fewest.title.removesuffix(FEWER)} ({_sum(comparison.fewest)})."
        )


def _split(now: Outcome, then: Outcome) -> str:
    return "" if now.replicas == then.replicas else f", {_sum(then)} (now {_sum(now)})"


def _sum(outcome: Outcome) -> str:
    return " + ".join(map(count, outcome.replicas))


def _change(now: Outcome, then: Outcome) -> str:
    short = (
        f"P99 to the first token of short requests {duration(then.short_ttft_p99_s)} instead of "
        f"{duration(now.short_ttft_p99_s)}"
    )
    if not now.long_ttft_p99_s:
        return short
    return f"{short}, of long ones {duration(then.long_ttft_p99_s)} instead of {duration(now.long_ttft_p99_s)}"


def _names(present: Present) -> set[str]:
    return {lane.name for lane in present.lanes}
