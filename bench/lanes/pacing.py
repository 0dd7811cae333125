"""Engines that keep step with each other. Pure.

What is counted is steps, so a step has to stand for a unit of time, in one engine as in the other. On a GPU it nearly
does: what a step reads of the weights outweighs its sequences. On a processor a step of few sequences is over sooner,
and the engine that has fewer would make more steps in the same time, and take more of what waits.
"""

from collections.abc import Sequence


class Pace:
    """Which engines run next. One that is ahead waits for the others, save those that have nothing to do: that made no
    step while they ran for `patience` turns."""

    def __init__(self, engines: int, patience: int) -> None:
        self._patience = patience
        self._made = [0] * engines
        # Steps on a common clock: who had nothing to do goes on where the others are.
        self._at = [0] * engines
        self._still = [0] * engines
        self._runs = [False] * engines

    def next(self, made: Sequence[int]) -> list[bool]:
        """`made`: steps of each so far. Whether each runs now."""
        for number, steps in enumerate(made):
            self._note(number, steps - self._made[number])
        self._made = list(made)
        slowest = self._slowest()
        self._runs = [self._idles(number) or at <= slowest for number, at in enumerate(self._at)]
        return self._runs

    def _note(self, number: int, steps: int) -> None:
        if steps:
            if self._idles(number):
                self._at[number] = self._slowest()
            self._at[number] += steps
            self._still[number] = 0
        elif self._runs[number]:
            self._still[number] += 1

    def _idles(self, number: int) -> bool:
        return self._still[number] >= self._patience

    def _slowest(self) -> int:
        return min((at for number, at in enumerate(self._at) if not self._idles(number)), default=max(self._at))
