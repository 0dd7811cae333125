"""The boundaries of one model: what was finished goes in, decisions come out. Pure; times in seconds of any clock."""

from collections.abc import Sequence
from typing import NamedTuple

from tokenlane_autoscaler.boundary.finished import Finished
from tokenlane_autoscaler.boundary.meter import LaneMeter
from tokenlane_fleet.boundary import (
    BoundaryDecision,
    BoundarySettings,
    Current,
    LaneCapacity,
    LaneUpper,
    RecentLengths,
    Uppers,
    decide,
)


class LaneSeen(NamedTuple):
    """A lane as it is looked at. `wanted`: replicas that were asked for, None if none were; budget tokens of what no
    worker has; what its engines hold; whether its idle workers help others."""

    name: str
    wanted: int | None
    waiting_tokens: float
    max_model_len: int
    elastic: bool


class Follower:
    """Follows one model. `configured`: where its lanes divide unless something else was decided."""

    def __init__(self, settings: BoundarySettings, configured: Uppers, guess_tokens_per_s: float) -> None:
        self._settings = settings
        self._configured = configured
        self._guess = guess_tokens_per_s
        self._lengths = RecentLengths()
        self._meters: dict[str, LaneMeter] = {}
        self.current = Current(configured)

    def finished(self, request: Finished, now_s: float) -> None:
        """A request ended."""
        self._lengths.observe(request.prompt_tokens, request.output_tokens, now_s, request.counted)
        self._meter(request.waited).waited(request.budget)
        tokens = request.prompt_tokens + request.output_tokens
        self._meter(request.ran).ran(request.worker, tokens, request.prefill_tokens_per_s, now_s)

    def remember(self, request: Finished, at_s: float) -> None:
        """A request ended before this process was there."""
        self._lengths.observe(request.prompt_tokens, request.output_tokens, at_s, request.counted)

    def look(self, lanes: Sequence[LaneSeen], now_s: float) -> BoundaryDecision:
        """Decide anew. `lanes`: all that the model has."""
        for lane in lanes:
            meter = self._meter(lane.name)
            replicas = meter.replicas(lane.wanted, now_s)
            meter.look(now_s, lane.waiting_tokens, replicas)
        rank = {lane.lane: place for place, lane in enumerate(self._configured)}
        order = sorted(lanes, key=lambda lane: rank.get(lane.name, len(rank)))
        if not {lane.lane for lane in self.current.uppers} <= {lane.name for lane in lanes}:
            self.current = Current(self._known(self.current.uppers, lanes), self.current.decided_s)
        capacities = [self._capacity(lane, now_s) for lane in order]
        traffic = self._lengths.traffic(now_s, self._settings.least_observations)
        decision = decide(traffic, capacities, self._settings, self.current, now_s)
        self.current = decision.current
        return decision

    def told(self, uppers: Uppers | None, decided_s: float | None) -> None:
        """Someone else decided, or what was decided is deleted (None): the configured boundaries hold again."""
        uppers = self._configured if uppers is None else uppers
        if uppers != self.current.uppers:
            self.current = Current(uppers, decided_s)

    def _known(self, uppers: Uppers, lanes: Sequence[LaneSeen]) -> Uppers:
        """The division without the lanes that the model does not have; the last one left has no boundary."""
        names = {lane.name for lane in lanes}
        left = [lane for lane in uppers if lane.lane in names]
        return (*left[:-1], LaneUpper(left[-1].lane, None)) if left else ()

    def _capacity(self, lane: LaneSeen, now_s: float) -> LaneCapacity:
        meter = self._meter(lane.name)
        return LaneCapacity(
            name=lane.name,
            replicas=meter.replicas(lane.wanted, now_s),
            tokens_per_s=meter.tokens_per_s if meter.is_known else self._likely(),
            max_model_len=lane.max_model_len,
            elastic=lane.elastic,
            pressure=meter.pressure,
        )

    def _likely(self) -> float:
        """Of a lane that showed nothing yet: as fast as the slowest of the others."""
        return min((meter.tokens_per_s for meter in self._meters.values() if meter.is_known), default=self._guess)

    def _meter(self, lane: str) -> LaneMeter:
        if lane not in self._meters:
            self._meters[lane] = LaneMeter(self._guess)
        return self._meters[lane]
