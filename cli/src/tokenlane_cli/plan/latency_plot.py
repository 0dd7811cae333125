"""Latency distributions by class and option. Needs the extra `plan`."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator
from numpy.typing import NDArray

from tokenlane_cli.figures import count
from tokenlane_cli.plan.answer import Answer
from tokenlane_cli.plan.drawing import figure, plain_axes, settle
from tokenlane_cli.plan.palette import INK, LIMIT, look
from tokenlane_fleet.plan.report import Curve, PlanReport

# Shares of the vertical axis: as many nines as the height, so that tails can be seen.
_SHARES = (0.0, 0.5, 0.9, 0.99, 0.999)
_HIGHEST = 0.9995
# Up to here there is room for labels between the powers of ten.
_FEW_DECADES = 1000
# For a logarithmic axis.
_LEAST = 1e-4
_METRICS = (("ttft", "time to first token (s)"), ("tpot", "time per output token (ms)"))


def latency_cdfs(answer: Answer) -> Figure | None:
    """A row a class, a column a metric, a line an option; limits in red. None without curves."""
    report = answer.report
    if not any(option.curves for option in report.options):
        return None
    drawn = figure(8.0, 3.0 * len(report.slo) + 0.8)
    for row in range(len(report.slo)):
        for column, (metric, label) in enumerate(_METRICS):
            axes = drawn.add_subplot(len(report.slo), 2, 2 * row + column + 1)
            limit = answer.ttft_limits_s[row] if metric == "ttft" else report.slo[row].tpot_s * 1000
            _class_metric(axes, report, row, metric, limit)
            axes.set_xlabel(label)
            if not column:
                axes.set_ylabel("share of requests within")
                _title(axes, report, row)
            plain_axes(axes)
    handles = [_handle(report, index) for index in range(len(report.options))]
    handles.append(
        Line2D([], [], color=LIMIT[0], linewidth=1, linestyle=(0, (2, 2)), label="limit, and the share to keep it")
    )
    drawn.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False, fontsize=8, labelcolor=INK[0])
    return settle(drawn)


def _class_metric(axes: Axes, report: PlanReport, row: int, metric: str, limit: float) -> None:
    axes.set_yscale("function", functions=(_nines, _share))
    axes.set_ylim(0, _HIGHEST)
    axes.yaxis.set_major_locator(FixedLocator(list(_SHARES)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{share * 100:g} %"))
    if metric == "ttft":
        axes.set_xscale("log")
    scale = 1.0 if metric == "ttft" else 1000.0
    for index, option in enumerate(report.options):
        curve = _curve(option.curves, report.slo[row].class_name, metric)
        if curve is not None:
            style = look(option.key, index)
            width = 2.6 if option.key == report.best else style.width - 0.4
            xs = [max(value * scale, _LEAST) for value in curve.values_s]
            axes.plot(xs, curve.fractions, color=style.light, linestyle=style.dash, linewidth=width)
    _show_limit(axes, limit, report.attainment)
    if metric == "ttft":
        low, high = axes.get_xlim()
        subs = (1.0, 2.0, 5.0) if high / low < _FEW_DECADES else (1.0,)
        axes.xaxis.set_major_locator(LogLocator(subs=subs))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: f"{seconds:g}"))
    else:
        axes.set_xlim(left=0)


def _show_limit(axes: Axes, limit: float, share: float) -> None:
    dash = (0, (2, 2))
    axes.axvline(limit, color=LIMIT[0], linewidth=1, linestyle=dash)
    if share < _HIGHEST:
        axes.axhline(share, color=LIMIT[0], linewidth=1, linestyle=dash)


def _title(axes: Axes, report: PlanReport, row: int) -> None:
    facts = report.slo[row]
    requests = next(
        (each.requests for option in report.options for each in option.classes if each.name == facts.class_name), 0
    )
    name = facts.class_name if len(report.slo) > 1 else "all"
    bound = f", up to {count(facts.up_to_tokens)} tokens" if facts.up_to_tokens is not None else ""
    axes.set_title(f"{name}{bound} ({count(requests)} requests)", loc="left", fontsize=9.5, color=INK[0])


def _curve(curves: Sequence[Curve], name: str, metric: str) -> Curve | None:
    return next((each for each in curves if (each.class_name, each.metric) == (name, metric) and each.values_s), None)


def _handle(report: PlanReport, index: int) -> Line2D:
    option = report.options[index]
    style = look(option.key, index)
    width = 2.6 if option.key == report.best else style.width
    return Line2D([], [], color=style.light, linestyle=style.dash, linewidth=width, label=option.title)


def _nines(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    nines: NDArray[np.float64] = -np.log10(1 - np.minimum(shares, _HIGHEST))
    return nines


def _share(nines: NDArray[np.float64]) -> NDArray[np.float64]:
    share: NDArray[np.float64] = 1 - np.power(10.0, -nines)
    return share
