"""A plan as one HTML file that needs nothing else. Needs the extra `plan`."""

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from tokenlane_cli.figures import UNKNOWN, count, duration
from tokenlane_cli.plan import amounts, asked, wording
from tokenlane_cli.plan.answer import Answer, best_option, is_best_boundary
from tokenlane_cli.plan.cost_plot import cost_against_boundary
from tokenlane_cli.plan.drawing import inline_svg, page_colours
from tokenlane_cli.plan.helm_values import gaps
from tokenlane_cli.plan.latency_plot import latency_cdfs
from tokenlane_cli.plan.palette import look
from tokenlane_fleet.plan.report import Option, PlanReport


def html_page(answer: Answer) -> str:
    """The page. Text from the trace and the flags is escaped."""
    report = answer.report
    best = best_option(report)
    page: str = _template().render(
        title=f"Fleet plan: {report.model} on {report.gpu} for {report.trace.name}",
        report=report,
        best=best,
        colours=page_colours(),
        question=asked.question(report),
        classes=[asked.class_line(report, index) for index in range(len(report.slo))],
        boundary_headers=wording.BOUNDARY_HEADERS,
        boundary_rows=[
            {"best": is_best_boundary(report, point), "cells": wording.boundary_cells(point)}
            for point in report.boundaries
        ],
        missed=asked.missed_line(report),
        rows=[_row(report, index) for index in range(len(report.options))],
        seen=[_seen(report, index) for index in range(len(report.slo))],
        cost_svg=_drawing(cost_against_boundary(report), "cost", "Cost against the boundary"),
        latency_svg=_drawing(latency_cdfs(answer), "latency", "Latency distributions by class and option"),
        lanes=[
            {"line": wording.lane_line(report, pool), "serve": wording.serve_command(answer, pool)}
            for pool in (best.pools if best else ())
        ],
        gaps=gaps(best) if best else (),
        method=asked.method(report),
        simulated=asked.simulated(report),
        command=answer.command,
    )
    return page


def _template() -> Any:
    environment = Environment(
        loader=PackageLoader("tokenlane_cli", "plan"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2")


def _drawing(drawn: Any, name: str, described: str) -> Markup:
    return Markup(inline_svg(drawn, name, described)) if drawn is not None else Markup("")


def _row(report: PlanReport, index: int) -> dict[str, Any]:
    option = report.options[index]
    return {
        "best": option.key == report.best,
        "title": option.title,
        "colour": f"--c{look(option.key, index).light[1:]}",
        "lanes": wording.detail(option),
        "gpus": count(option.gpus),
        "cost": amounts.money(option.cost_per_hour),
        "gpu_hours": amounts.hours(option.gpu_hours),
        "goodput": f"{option.goodput_per_gpu:.3g}",
        "preemptions": f"{option.preemptions_per_1000:.3g}",
        "headroom": wording.headroom(option),
        "meets": option.meets_slo,
    }


def _seen(report: PlanReport, index: int) -> dict[str, Any]:
    return {
        "line": asked.class_line(report, index),
        "rows": [_seen_row(report, option, report.slo[index].class_name) for option in report.options],
    }


def _seen_row(report: PlanReport, option: Option, name: str) -> dict[str, Any]:
    figures = wording.class_of(option, name)
    row = {"best": option.key == report.best, "title": option.title}
    if figures is None or not figures.requests:
        return row | {"kept": UNKNOWN, "kept_enough": True, "times": [UNKNOWN] * 4}
    times = (figures.ttft_p50_s, figures.ttft_p99_s, figures.tpot_p50_s, figures.tpot_p99_s)
    return row | {
        "kept": amounts.percent(figures.attainment),
        "kept_enough": figures.attainment >= report.attainment,
        "times": [duration(each) for each in times],
    }
