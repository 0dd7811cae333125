"""What was asked of a plan and how it was answered, in sentences that the terminal and the HTML report share."""

from tokenlane_cli.figures import count, plain
from tokenlane_cli.plan.amounts import TIMES, money, span
from tokenlane_fleet.plan.report import PlanReport


def question(report: PlanReport) -> tuple[str, ...]:
    """What was asked, line by line."""
    trace = report.trace
    lines = [
        f"{plain(trace.name)}: {count(trace.requests)} requests in {span(trace.duration_s)}, {trace.rate:.3g}/s",
        f"prompts P50 {count(trace.prompt_p50)}, P99 {count(trace.prompt_p99)}; outputs P50 {count(trace.output_p50)}, "
        f"P99 {count(trace.output_p99)}; longest {count(trace.total_max)} tokens",
        f"{plain(report.model)}, {report.tensor_parallel} {TIMES} {plain(report.gpu)} a replica, "
        f"{_price(report)}; step time: {plain(report.step_time)}",
    ]
    return (*lines, *([plain(trace.note)] if trace.note else []))


def class_line(report: PlanReport, index: int) -> str:
    """A class with its limits."""
    facts = report.slo[index]
    bound = "all requests" if len(report.slo) == 1 else f"{plain(facts.class_name)} requests"
    if facts.up_to_tokens is not None:
        bound += f", up to {count(facts.up_to_tokens)} tokens"
    limits = f"first token within {plain(facts.ttft)}, then {facts.tpot_s * 1000:g} ms a token"
    return f"{bound}: {limits}, for {report.attainment * 100:g} % of them"


def missed_line(report: PlanReport) -> str:
    """What the figures of an option that misses are; empty where none does."""
    missed = [option for option in report.options if not option.meets_slo]
    if not missed:
        return ""
    return "missed: no fleet that was tried keeps the objectives; the figures are those of the largest one."


def simulated(report: PlanReport) -> str:
    """How much was computed."""
    return f"{count(report.simulations)} fleets simulated, seed {report.seed}"


def method(report: PlanReport) -> tuple[str, ...]:
    """What is simulated, and what is assumed."""
    return (
        "Every request of the trace is simulated, engine step by engine step, with vLLM V1's scheduling: running "
        "requests first, chunked prefill, KV blocks on demand, preemption of the latest by recomputation.",
        f"A step takes the time of its model ({plain(report.step_time)}). Speculative decoding, prefix caching and "
        "the network between client and fleet are not simulated.",
        "Each option's settings were searched with the same effort, on the busiest stretch of the trace, for the "
        f"fewest replicas with which {report.attainment * 100:g} % of each class keep both of their limits.",
        "Replicas are there from the beginning: nothing fails and nothing scales during the trace.",
    )


def _price(report: PlanReport) -> str:
    return f"{money(report.price_per_gpu_hour)} $/h a GPU" if report.price_per_gpu_hour else "no price"
