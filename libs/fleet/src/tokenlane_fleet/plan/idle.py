"""What a request takes on an engine that has nothing else to do: no fleet, however large, is faster."""

from dataclasses import dataclass

import numpy as np

from tokenlane_fleet.cost import StepCost
from tokenlane_fleet.hardware.hardware import Hardware
from tokenlane_fleet.plan.moves import STEP_BUDGETS
from tokenlane_fleet.plan.workload import Workload
from tokenlane_fleet.sim.slo import class_of, ttft_limit_s
from tokenlane_fleet.sim.trace import Seconds, Tokens


@dataclass(frozen=True, slots=True)
class OutOfReach:
    """A class that an idle engine fails. `by`: "ttft", "tpot" or "context"; `seconds`: what the request at the class's
    attainment takes at least, `limit_s` its limit (both 0 for "context"); `share` of the class that fails."""

    class_name: str
    by: str
    seconds: float
    limit_s: float
    share: float


def idle_ttft_s(cost: StepCost, prompt_tokens: Tokens, step_budget: int) -> Seconds:
    """Prefill alone, in chunks of `step_budget`."""
    steps = -(-prompt_tokens // step_budget)
    last = prompt_tokens - (steps - 1) * step_budget
    whole = steps - 1
    busy = whole * max(cost.weights_s, cost.per_token_s * step_budget) + np.maximum(
        cost.weights_s, cost.per_token_s * last
    )
    pairs = prompt_tokens * (prompt_tokens + 1) / 2
    read = whole * (whole + 1) / 2 * step_budget + prompt_tokens
    fixed = steps * (cost.overhead_s + cost.per_sequence_s)
    return np.asarray(fixed + busy + pairs * cost.per_attention_pair_s + read * cost.per_context_token_s)


def idle_tpot_s(cost: StepCost, prompt_tokens: Tokens, output_tokens: Tokens) -> Seconds:
    """Mean time of a token after the first, decoding alone; 0 for one token."""
    step = cost.overhead_s + max(cost.weights_s, cost.per_token_s) + cost.per_sequence_s
    context = prompt_tokens + output_tokens / 2
    return np.where(output_tokens > 1, step + context * cost.per_context_token_s, 0.0)


def out_of_reach(workload: Workload, hardware: Hardware, transit_s: float = 0.0) -> tuple[OutOfReach, ...]:
    """Classes that miss their objectives even on idle engines."""
    trace, slo = workload.trace, workload.slo
    ttft = idle_ttft_s(hardware.cost, trace.prompt_tokens, max(STEP_BUDGETS)) + transit_s
    tpot = idle_tpot_s(hardware.cost, trace.prompt_tokens, trace.output_tokens)
    too_long = trace.prompt_tokens >= hardware.max_model_len
    ttft_limits, classes = ttft_limit_s(trace, slo), class_of(trace, slo)
    found = []
    for index, of in enumerate(slo.classes):
        mine = classes == index
        if not mine.any():
            continue
        late, slow = (ttft > ttft_limits)[mine], (tpot > of.tpot_s)[mine]
        share = float((late | slow | too_long[mine]).mean())
        if mine.sum() * share <= workload.allowed[index]:
            continue
        worst = max(("context", too_long[mine]), ("tpot", slow), ("ttft", late), key=lambda entry: entry[1].mean())[0]
        values, limits = {
            "tpot": (tpot[mine], np.full(int(mine.sum()), of.tpot_s)),
            "ttft": (ttft[mine], ttft_limits[mine]),
            "context": (np.zeros(1), np.zeros(1)),
        }[worst]
        place = int(np.argsort(values - limits)[int(np.ceil((len(values) - 1) * slo.attainment))])
        found.append(OutOfReach(of.name, worst, float(values[place]), float(limits[place]), share))
    return tuple(found)
