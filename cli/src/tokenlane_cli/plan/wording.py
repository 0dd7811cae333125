"""Options, lanes and boundaries in words that the terminal and the HTML report share."""

import shlex
from collections.abc import Sequence

from tokenlane_cli.figures import UNKNOWN, count, plain
from tokenlane_cli.plan.amounts import TIMES, counted, money, saving
from tokenlane_cli.plan.answer import Answer
from tokenlane_fleet.plan.report import BoundaryPoint, ClassFigures, Option, PlanReport, PoolPlan

_SERVE_COLUMNS = 70
_ALPHA, _RHO = "\N{GREEK SMALL LETTER ALPHA}", "\N{GREEK SMALL LETTER RHO}"
BOUNDARY_HEADERS = ("boundary", "lanes", "$/h", _ALPHA, _RHO, "closed form", "before rounding", "whole replicas")


def lanes(option: Option) -> str:
    """Replicas of each lane, shortest first, and what divides them: 6 + 2 replicas, boundary 2,048."""
    replicas = " + ".join(count(pool.replicas) for pool in option.pools)
    bounds = [count(pool.up_to_tokens) for pool in option.pools if pool.up_to_tokens is not None]
    words = "replica" if replicas == "1" else "replicas"
    if not bounds:
        return f"{replicas} {words}"
    return f"{replicas} {words}, {'boundary' if len(bounds) == 1 else 'boundaries'} {' and '.join(bounds)}"


def detail(option: Option) -> str:
    """Lanes, and what became of requests that no engine or only another lane's could hold."""
    rejected = f", {count(option.rejected)} requests rejected" if option.rejected else ""
    moved = f", {count(option.moved)} moved on" if option.moved else ""
    return lanes(option) + rejected + moved


def headroom(option: Option) -> str:
    """The load up to which the fleet keeps the objectives, over the trace's."""
    return f"{option.headroom:.2f}{TIMES}" if option.headroom else UNKNOWN


def class_of(option: Option, name: str) -> ClassFigures | None:
    """The figures of a class, None where the option has none."""
    return next((figures for figures in option.classes if figures.name == name), None)


def serve_command(answer: Answer, pool: PoolPlan) -> str:
    """`vllm serve` for a lane's engine, in lines that a shell takes as one."""
    lines = [shlex.join(["vllm", "serve", plain(answer.serve_model)])]
    for flag in _flags(pool.engine_flags):
        if len(lines) > 1 and len(lines[-1]) + len(flag) <= _SERVE_COLUMNS:
            lines[-1] += f" {flag}"
        else:
            lines.append(f"  {flag}")
    return " \\\n".join(lines)


def _flags(arguments: Sequence[str]) -> list[str]:
    """Each flag with its values."""
    flags: list[str] = []
    for argument in arguments:
        if argument.startswith("--") or not flags:
            flags.append(shlex.quote(argument))
        else:
            flags[-1] += f" {shlex.quote(argument)}"
    return flags


def lane_line(report: PlanReport, pool: PoolPlan) -> str:
    """A lane and what it takes."""
    bound = "any length" if pool.up_to_tokens is None else f"up to {count(pool.up_to_tokens)} tokens"
    replicas = f"{counted(pool.replicas, 'replica')} of {counted(report.tensor_parallel, 'GPU')}"
    credit = f"KV over-commitment {pool.kv_overcommit:g}"
    prefill = f", pulls while fewer than {count(pool.prefill_cap)} prompt tokens wait" if pool.prefill_cap else ""
    return f"{plain(pool.name)}: {bound}, {replicas}, {credit}{prefill}"


def boundary_cells(point: BoundaryPoint) -> tuple[str, ...]:
    """A boundary beside the closed form; savings are against the tuned pool."""
    return (
        count(point.up_to_tokens),
        f"{count(point.short_replicas)} + {count(point.long_replicas)}",
        money(point.cost_per_hour),
        f"{point.alpha:.3g}",
        f"{point.rho:.3g}",
        saving(point.closed_form),
        saving(point.unrounded) if point.meets_slo else UNKNOWN,
        saving(point.simulated) if point.meets_slo else "missed",
    )
