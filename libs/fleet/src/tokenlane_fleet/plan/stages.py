"""How far a plan is."""

from tokenlane_fleet.plan.settings import OnProgress, PlanSettings, Progress
from tokenlane_fleet.plan.words import TITLES


class Stages:
    """Turns what begins and what was simulated into Progress."""

    def __init__(self, progress: OnProgress, settings: PlanSettings) -> None:
        self._progress = progress
        self._done = -1
        lanes = settings.effort.boundaries + 2 if settings.max_lanes > 1 and "two" in settings.strategies else 0
        self._expected = len(settings.strategies) + lanes + 1
        self._stage = ""
        self._simulations = 0

    def begin(self, stage: str) -> None:
        self._done += 1
        self._stage = TITLES.get(stage, stage)
        self._tell()

    def simulated(self, simulations: int) -> None:
        self._simulations = simulations
        self._tell()

    def end(self) -> None:
        self._done, self._stage = self._expected, ""
        self._tell()

    def _tell(self) -> None:
        self._expected = max(self._expected, self._done)
        self._progress(Progress(max(self._done, 0), self._expected, self._stage, self._simulations))
