"""Amounts of a plan as people read them."""

import math

from tokenlane_cli.figures import UNKNOWN, count

TIMES = "\N{MULTIPLICATION SIGN}"
MINUS = "\N{MINUS SIGN}"
_ROUNDING = 1e-6


def money(amount: float) -> str:
    """12.50 or 1,234; a dash where no price is known."""
    if not amount:
        return UNKNOWN
    return f"{amount:,.0f}" if amount >= 1000 or amount == int(amount) else f"{amount:,.2f}"


def hours(amount: float) -> str:
    """0.04, 7.78, 35.0, 1,234."""
    return f"{amount:,.{2 if amount < 9.995 else 1 if amount < 999.95 else 0}f}"


def percent(share: float) -> str:
    """Cut, not rounded, to two digits, so that 99.996 % is not shown as all."""
    return "100 %" if share >= 1 else f"{math.floor(share * 10_000 + _ROUNDING) / 100:.2f} %"


def saving(share: float) -> str:
    """+12 % is less cost, in whole percent."""
    rounded = round(share * 100)
    return f"{rounded:+d} %".replace("-", MINUS) if rounded else "0 %"


def span(seconds: float) -> str:
    """A trace's length: 84 s, 58 min, 3.5 h."""
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.0f} min" if seconds < 7_200 else f"{seconds / 3600:.1f} h"


def counted(number: int, one: str) -> str:
    """1 GPU, 2 GPUs."""
    return f"{count(number)} {one}{'' if number == 1 else 's'}"
