"""A follower for each model that has lanes, and what the bus tells of them."""

from collections.abc import Mapping

from tokenlane.v1.lane_pb2 import LaneProfile
from tokenlane.v1.reply_pb2 import UsageEvent
from tokenlane_autoscaler.backlog import NOTHING, Backlog
from tokenlane_autoscaler.boundary.finished import finished
from tokenlane_autoscaler.boundary.follower import Follower, LaneSeen
from tokenlane_autoscaler.lanes import Lanes
from tokenlane_autoscaler.settings import AutoscalerSettings
from tokenlane_fleet.boundary import BoundarySettings, LaneUpper, Uppers
from tokenlane_proto import topology

Kept = tuple[Uppers, float] | None
"""Boundaries in their bucket, and when they were decided, in seconds; None: there are none."""


class Followers:
    """By model. `backlogs`: by key of the lane bucket, as they were seen last."""

    def __init__(self, settings: AutoscalerSettings, lanes: Lanes, backlogs: Mapping[str, Backlog]) -> None:
        self._rules = _rules(settings)
        self._configured = tuple(LaneUpper(lane.name, lane.upper) for lane in settings.lanes)
        self._guess = settings.replica_tokens_per_s
        self._lanes = lanes
        self._backlogs = backlogs
        self._followers: dict[str, Follower] = {}
        self.kept: dict[str, Kept] = {}
        """By key of the bucket of boundaries."""

    def used(self, event: UsageEvent, now_s: float) -> None:
        """A request is finished."""
        request = finished(event)
        if request is not None and event.model in self.models():
            self.of(event.model).finished(request, now_s)

    def remember(self, event: UsageEvent) -> None:
        """A request was finished before this process was there."""
        request = finished(event)
        if request is not None and event.model in self.models():
            self.of(event.model).remember(request, event.accepted_unix_ms / 1e3)

    def told(self, key: str, kept: Kept) -> None:
        """Boundaries were written or deleted."""
        self.kept[key] = kept
        for model, follower in self._followers.items():
            if topology.model_key(model) == key:
                follower.told(*(kept or (None, None)))

    def models(self) -> dict[str, list[LaneProfile]]:
        """Those that have lanes, with their lanes."""
        found: dict[str, list[LaneProfile]] = {}
        for profile in self._lanes.profiles.values():
            found.setdefault(profile.model, []).append(profile)
        return found

    def of(self, model: str) -> Follower:
        """The follower of a model; a new one goes on from what is kept."""
        if model not in self._followers:
            follower = Follower(self._rules, self._configured, self._guess)
            kept = self.kept.get(topology.model_key(model))
            if kept is not None:
                follower.told(*kept)
            self._followers[model] = follower
        return self._followers[model]

    def seen(self, profile: LaneProfile) -> LaneSeen:
        """A lane as it is now."""
        key = topology.lane_key(profile.lane, profile.model)
        wanted = self._lanes.wanted.get(key)
        return LaneSeen(
            name=profile.lane,
            wanted=None if wanted is None else wanted.replicas,
            waiting_tokens=self._backlogs.get(key, NOTHING).waiting_tokens,
            max_model_len=profile.max_model_len,
            elastic=profile.elastic,
        )


def _rules(settings: AutoscalerSettings) -> BoundarySettings:
    return BoundarySettings(
        short_tokens=settings.boundary_short_tokens,
        least_tokens=settings.boundary_least_tokens,
        most_tokens=settings.boundary_most_tokens,
        interval_s=settings.boundary_interval_s,
        confirm_one_s=settings.boundary_collapse_after_s,
        may_collapse=settings.boundary_collapse,
        scales_to_zero=settings.min_replicas == 0,
    )
