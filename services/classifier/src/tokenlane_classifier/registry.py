"""Which lanes each model has: from the profiles that workers write, and from boundaries that follow the traffic."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from tokenlane.v1.lane_pb2 import LaneProfile
from tokenlane_classifier.lanes import ModelLanes, lanes_of
from tokenlane_proto import topology
from tokenlane_proto.lane_setting import LaneSetting


@dataclass(frozen=True, slots=True)
class Registry:
    """`profiles` by key of the lane bucket, `moved` by key of the bucket of boundaries, and what follows from them by
    model. An update is a new value."""

    boundaries: tuple[LaneSetting, ...]
    profiles: Mapping[str, LaneProfile] = field(default_factory=lambda: MappingProxyType({}))
    moved: Mapping[str, tuple[LaneSetting, ...]] = field(default_factory=lambda: MappingProxyType({}))
    models: Mapping[str, ModelLanes] = field(default_factory=lambda: MappingProxyType({}))

    def updated(self, key: str, profile: LaneProfile | None) -> "Registry":
        """This registry after `key` took `profile`, or lost it."""
        profiles = {name: kept for name, kept in self.profiles.items() if name != key}
        if profile is not None:
            profiles[key] = profile
        return replace(self, profiles=profiles, models=_models(self.boundaries, profiles, self.moved))

    def bounded(self, key: str, boundaries: tuple[LaneSetting, ...] | None) -> "Registry":
        """This registry after the model of `key` got `boundaries`, or its settings' ones again."""
        moved = {name: kept for name, kept in self.moved.items() if name != key}
        if boundaries is not None:
            moved[key] = boundaries
        return replace(self, moved=moved, models=_models(self.boundaries, self.profiles, moved))


def _models(
    boundaries: tuple[LaneSetting, ...],
    profiles: Mapping[str, LaneProfile],
    moved: Mapping[str, tuple[LaneSetting, ...]],
) -> dict[str, ModelLanes]:
    lengths: dict[str, dict[str, int]] = {}
    for profile in profiles.values():
        lengths.setdefault(profile.model, {})[profile.lane] = profile.max_model_len
    return {
        model: lanes_of(boundaries, by_lane, moved.get(topology.model_key(model), ()))
        for model, by_lane in lengths.items()
    }
