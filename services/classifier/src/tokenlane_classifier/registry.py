"""Which lanes each model has, from the lane profiles that workers write."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from tokenlane.v1.lane_pb2 import LaneProfile
from tokenlane_classifier.lanes import LaneBoundary, ModelLanes, lanes_of


@dataclass(frozen=True, slots=True)
class Registry:
    """`profiles` by key of the lane bucket, and what follows from them by model. An update is a new value."""

    boundaries: tuple[LaneBoundary, ...]
    profiles: Mapping[str, LaneProfile] = field(default_factory=lambda: MappingProxyType({}))
    models: Mapping[str, ModelLanes] = field(default_factory=lambda: MappingProxyType({}))

    def updated(self, key: str, profile: LaneProfile | None) -> "Registry":
        """This registry after `key` took `profile`, or lost it."""
        profiles = {name: kept for name, kept in self.profiles.items() if name != key}
        if profile is not None:
            profiles[key] = profile
        return Registry(self.boundaries, profiles, _models(self.boundaries, profiles.values()))


def _models(boundaries: tuple[LaneBoundary, ...], profiles: Iterable[LaneProfile]) -> dict[str, ModelLanes]:
    lengths: dict[str, dict[str, int]] = {}
    for profile in profiles:
        lengths.setdefault(profile.model, {})[profile.lane] = profile.max_model_len
    return {model: lanes_of(boundaries, by_lane) for model, by_lane in lengths.items()}
