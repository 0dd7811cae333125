"""Integer searches over costly yes-or-no questions that can be asked several at a time.

What is asked does not depend on how many are answered at once, so results are the same on any number of cores.
"""

from collections.abc import Callable, Sequence

Holds = Callable[[Sequence[int]], Sequence[bool]]


def lowest(holds: Holds, guess: int, low: int, high: int, stride: int = 0) -> int | None:
    """The smallest n in [low, high] that holds, where all above one that holds hold too; None if `high` does not.

    Where answers are not quite monotone: an n that holds while n - 1 does not. Quick if `guess` is near; `stride` is
    how far it may well be off (0: a sixty-fourth).
    """
    if low > high:
        return None
    no, yes = low - 1, high + 1
    step = stride or max(1, guess // 64)
    asked = _within((guess - 1, guess), low, high)
    while True:
        no, yes = _narrowed(asked, holds(asked), no, yes)
        if yes <= no + 1:
            return yes if yes <= high else None
        if yes > high and no < high:
            asked, step = _within((no + step, no + 2 * step), low, high), 4 * step
        elif no < low:
            asked, step = _within((yes - 2 * step, yes - step), low, high), 4 * step
        else:
            asked = _within((no + (yes - no) // 3, no + 2 * (yes - no) // 3), no + 1, yes - 1)


def highest(holds: Holds, guess: int, low: int, high: int) -> int | None:
    """The largest n in [low, high] that holds, where all below one that holds hold too; None if `low` does not."""
    mirrored = lowest(lambda asked: holds([-n for n in asked]), -guess, -high, -low)
    return None if mirrored is None else -mirrored


def _within(asked: Sequence[int], low: int, high: int) -> list[int]:
    return sorted({min(max(n, low), high) for n in asked})


def _narrowed(asked: Sequence[int], answers: Sequence[bool], no: int, yes: int) -> tuple[int, int]:
    held = [n for n, answer in zip(asked, answers, strict=True) if answer]
    yes = min([yes, *held])
    return max([no, *(n for n, answer in zip(asked, answers, strict=True) if not answer and n < yes)]), yes
