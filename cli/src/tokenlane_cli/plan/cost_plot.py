"""Cost against the boundary between two lanes. Needs the extra `plan`."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from matplotlib.transforms import blended_transform_factory

from tokenlane_cli.figures import count
from tokenlane_cli.plan.amounts import money
from tokenlane_cli.plan.answer import single_pool
from tokenlane_cli.plan.drawing import figure, plain_axes, settle
from tokenlane_cli.plan.palette import INK, look
from tokenlane_fleet.plan.report import BoundaryPoint, Option, PlanReport

_LABEL_GAP = 0.062
_SCALE_ROOM = 2.2


def cost_against_boundary(report: PlanReport) -> Figure | None:
    """Simulated cost by boundary, the closed form's estimate, the other options as lines. None without a boundary."""
    points = sorted(report.boundaries, key=lambda point: point.up_to_tokens)
    if not points:
        return None
    unit = _Unit(report.price_per_gpu_hour > 0)
    drawn = figure(8.0, 4.2)
    axes = drawn.add_subplot()
    axes.set_xscale("log", base=2)
    xs = [point.up_to_tokens for point in points]
    top = _top(report, points, unit)
    axes.set_ylim(0, top)
    axes.set_xlim(xs[0] / 1.15, xs[-1] * 1.15)
    labels = [_simulated(axes, xs, points, unit), *_closed_form(axes, report, xs, points, unit, top)]
    labels += _options(axes, report, unit, top)
    _right_labels(axes, labels, top)
    axes.xaxis.set_major_locator(FixedLocator(xs))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: count(round(x))))
    axes.set_xlabel("boundary between the lanes (tokens in all)")
    axes.set_ylabel(unit.label)
    plain_axes(axes)
    if len(xs) > 8:
        axes.tick_params(axis="x", labelrotation=45)
    return settle(drawn)


class _Unit:
    """Money where there is a price, else GPUs."""

    def __init__(self, priced: bool) -> None:
        self.priced = priced
        self.label = "cost ($/h)" if priced else "GPUs"

    def written(self, amount: float) -> str:
        return f"{money(amount)} $/h" if self.priced else f"{amount:g} GPUs"

    def of(self, item: Option | BoundaryPoint) -> float:
        return item.cost_per_hour if self.priced else float(item.gpus)


_Label = tuple[float, str, str]


def _top(report: PlanReport, points: Sequence[BoundaryPoint], unit: _Unit) -> float:
    """Options far dearer than the rest are named at the upper edge instead of squeezing everything else."""
    pool = single_pool(report)
    near = [unit.of(point) for point in points] + ([unit.of(pool)] if pool else [])
    near += [unit.of(option) for option in report.options if unit.of(option) <= _SCALE_ROOM * max(near)]
    return max(near) * 1.12


def _simulated(axes: Axes, xs: Sequence[int], points: Sequence[BoundaryPoint], unit: _Unit) -> _Label:
    style = look("two")
    ys = [unit.of(point) for point in points]
    axes.plot(xs, ys, color=style.light, linewidth=2, zorder=3)
    for x, y, point in zip(xs, ys, points, strict=True):
        face = style.light if point.meets_slo else "none"
        axes.plot([x], [y], marker="o", markersize=6, markerfacecolor=face, markeredgecolor=style.light, zorder=4)
    if not all(point.meets_slo for point in points):
        axes.plot([], [], "o", markerfacecolor="none", markeredgecolor=style.light, label="misses the objectives")
        axes.legend(loc="lower left", frameon=False, fontsize=8, labelcolor=INK[0])
    return ys[-1], "two fixed lanes, simulated", style.light


def _closed_form(
    axes: Axes, report: PlanReport, xs: Sequence[int], points: Sequence[BoundaryPoint], unit: _Unit, top: float
) -> list[_Label]:
    pool = single_pool(report)
    if pool is None:
        return []
    ys = [unit.of(pool) * (1 - point.closed_form) for point in points]
    axes.plot(xs, ys, color=look("two").light, linewidth=1.3, linestyle=(0, (3, 2)), zorder=2)
    return [(min(ys[-1], top), "two lanes, closed form", look("two").light)]


def _options(axes: Axes, report: PlanReport, unit: _Unit, top: float) -> list[_Label]:
    labels: list[_Label] = []
    beyond: list[str] = []
    for index, option in enumerate(report.options):
        if option.key == "two":
            continue
        style, y = look(option.key, index), unit.of(option)
        name = option.title + ("" if option.meets_slo else " (misses)")
        if y > top:
            beyond.append(f"{name} ({unit.written(y)})")
            continue
        axes.axhline(y, color=style.light, linestyle=style.dash, linewidth=style.width, zorder=1)
        labels.append((y, name, style.light))
    if beyond:
        axes.set_title(f"beyond the scale: {'; '.join(beyond)}", loc="left", wrap=True, fontsize=8, color=INK[0])
    return labels


def _right_labels(axes: Axes, labels: Sequence[_Label], top: float) -> None:
    """Names at the right edge, moved apart where their lines are close, each with a line to its own."""
    place = blended_transform_factory(axes.transAxes, axes.transData)
    for (y, name, colour), at in zip(
        ordered := sorted(labels, key=lambda label: label[0]), _apart([each[0] / top for each in ordered]), strict=True
    ):
        axes.plot([1.0, 1.025], [y, at * top], color=colour, transform=place, clip_on=False, linewidth=1)
        axes.text(1.032, at * top, name, transform=place, va="center", fontsize=8, color=INK[0])


def _apart(wanted: Sequence[float]) -> list[float]:
    """Ascending places at least a gap apart, near the wanted ones, within 0 and 1 if there is room."""
    placed: list[float] = []
    for each in wanted:
        placed.append(max(each, placed[-1] + _LABEL_GAP if placed else 0.02))
    for index in range(len(placed) - 1, -1, -1):
        limit = placed[index + 1] - _LABEL_GAP if index + 1 < len(placed) else 1.0
        placed[index] = min(placed[index], limit)
    return placed
