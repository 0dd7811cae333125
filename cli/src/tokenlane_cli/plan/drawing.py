"""Figures as files: PNG, SVG, and SVG that takes its colours from the page around it. Needs the extra `plan`."""

import io
import logging
import re

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tokenlane_cli.plan.palette import FAINT, INK, dark_of

# It tells of its font cache on stderr, which is the progress line's.
logging.getLogger("matplotlib").setLevel(logging.ERROR)

_DPI = 160
_FONT_PT = 9.0


def figure(width_in: float, height_in: float) -> Figure:
    """An empty one that gives its parts the room they need."""
    return Figure(figsize=(width_in, height_in), layout="constrained", facecolor="white")


def plain_axes(axes: Axes) -> None:
    """Left and bottom lines, a faint grid, ink of one colour."""
    axes.set_facecolor("none")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(INK[0])
    axes.tick_params(colors=INK[0], labelsize=_FONT_PT, which="both")
    axes.xaxis.label.set(color=INK[0], fontsize=_FONT_PT)
    axes.yaxis.label.set(color=INK[0], fontsize=_FONT_PT)
    axes.grid(True, which="major", color=FAINT[0], linewidth=0.6)
    axes.set_axisbelow(True)


def settle(drawn: Figure) -> Figure:
    """Lay it out once and for all, so that every file shows the same."""
    FigureCanvasAgg(drawn)
    drawn.draw_without_rendering()
    drawn.set_layout_engine("none")
    return drawn


def png(drawn: Figure) -> bytes:
    """On white, 160 dots an inch."""
    out = io.BytesIO()
    drawn.savefig(out, format="png", dpi=_DPI, metadata={"Software": None})
    return out.getvalue()


def svg(drawn: Figure) -> str:
    """On white. The same figure is the same text."""
    out = io.StringIO()
    with rc_context({"svg.hashsalt": "tokenlane", "svg.fonttype": "path"}):
        drawn.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return out.getvalue()


def inline_svg(drawn: Figure, name: str, described: str) -> str:
    """For an HTML page that defines `--<colour without #>` for each of `page_colours`. `name` makes its ids unique."""
    drawn.patch.set_visible(False)
    text = svg(drawn)
    drawn.patch.set_visible(True)
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'\b(?:width|height)="[^"]*pt" ', "", text, count=2)
    text = re.sub(r"<!--.*?-->\s*", "", text, flags=re.DOTALL)
    text = re.sub(r' xmlns(?::xlink)?="[^"]*"', "", text)
    for light in dark_of():
        text = text.replace(light, f"var(--c{light[1:]})")
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'href="#', f'href="#{name}-', text)
    text = re.sub(r"url\(#", f"url(#{name}-", text)
    return text.replace("<svg", f'<svg role="img" aria-label="{described}"', 1)


def page_colours() -> tuple[tuple[str, str, str], ...]:
    """Name, light and dark of the page's colour variables."""
    return tuple((f"--c{light[1:]}", light, dark) for light, dark in dark_of().items())
