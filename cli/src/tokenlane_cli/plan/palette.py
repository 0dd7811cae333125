"""Colours and lines of the plots: distinct without colour vision, readable on white and on black."""

from typing import Literal, NamedTuple

Dash = tuple[float, tuple[float, ...]] | Literal["-"]


class Look(NamedTuple):
    """An option's line. `dark` takes the place of `light` on a dark page."""

    light: str
    dark: str
    dash: Dash
    width: float


# After Okabe and Ito, darkened where they vanish on white. A hue has an option of its own kind with another dash.
_LOOKS = {
    "paper": Look("#6e6e6e", "#a6a6a6", (0, (1, 1.4)), 1.6),
    "defaults": Look("#8a5a00", "#e69f00", (0, (5, 1.5, 1, 1.5)), 1.6),
    "one": Look("#0058a3", "#5ab0f2", "-", 1.8),
    "one-push": Look("#2b86c5", "#8cc8f0", (0, (4, 2)), 1.6),
    "one-deadline": Look("#5b4bb0", "#a99cf0", (0, (6, 1.5, 1, 1.5, 1, 1.5)), 1.6),
    "two": Look("#d24e00", "#ff8a4c", "-", 1.8),
    "elastic": Look("#00855f", "#2fc999", "-", 1.8),
    "three": Look("#a8437f", "#e58fc0", (0, (6, 2)), 1.6),
}
_OTHERS = (Look("#7a6a00", "#cfc04a", (0, (2, 2)), 1.6), Look("#007a87", "#4cc3cf", (0, (3, 1, 1, 1)), 1.6))

INK = ("#1b1d21", "#e9eaec")
FAINT = ("#c9ccd1", "#454a52")
LIMIT = ("#b3001e", "#ff7a8a")


def look(key: str, index: int = 0) -> Look:
    """The line of an option, `index` among all of them."""
    return _LOOKS.get(key) or _OTHERS[index % len(_OTHERS)]


def dark_of() -> dict[str, str]:
    """Each light colour with the one for a dark page."""
    pairs = [(each.light, each.dark) for each in (*_LOOKS.values(), *_OTHERS)]
    return dict([*pairs, INK, FAINT, LIMIT])
