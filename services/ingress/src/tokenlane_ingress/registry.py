"""The models that can be asked for, as the lanes' registry tells."""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec
import structlog

from tokenlane.v1.lane_pb2 import LaneProfile
from tokenlane_proto.codec import decode_lane_profile
from tokenlane_proto.errors import MalformedMessageError

_OWNER = "tokenlane"


def models_of(profiles: Mapping[str, LaneProfile]) -> dict[str, int]:
    """The longest context of each model over all its lanes, in tokens, by model in order of name."""
    models: dict[str, int] = {}
    for profile in profiles.values():
        models[profile.model] = max(models.get(profile.model, 0), profile.max_model_len)
    return dict(sorted(models.items()))


def model_object(model: str, max_model_len: int, created: int) -> dict[str, object]:
    """OpenAI's model object, with vLLM's `max_model_len`. `created` in seconds since the Unix epoch."""
    return {
        "id": model,
        "object": "model",
        "created": created,
        "owned_by": _OWNER,
        "root": model,
        "parent": None,
        "max_model_len": max_model_len,
    }


class Registry:
    """Follows the registry bucket: pass `update` to `Bus.watch`."""

    def __init__(self, created: int, log: structlog.stdlib.BoundLogger) -> None:
        self._created = created
        self._log = log
        self._profiles: dict[str, LaneProfile] = {}
        self.limits: Mapping[str, int] = MappingProxyType({})

    def update(self, key: str, value: bytes | None) -> None:
        """A key was written, or deleted (None)."""
        try:
            if value is None:
                self._profiles.pop(key, None)
            else:
                self._profiles[key] = decode_lane_profile(value)
        except MalformedMessageError as error:
            self._log.warning("lane profile ignored", key=key, error=str(error))
        self.limits = MappingProxyType(models_of(self._profiles))

    def listing(self) -> bytes:
        """Body of GET /v1/models."""
        models = [model_object(model, limit, self._created) for model, limit in self.limits.items()]
        return msgspec.json.encode({"object": "list", "data": models})

    def one(self, model: str) -> bytes | None:
        """Body of GET /v1/models/{id}; None for an unknown model."""
        limit = self.limits.get(model)
        return None if limit is None else msgspec.json.encode(model_object(model, limit, self._created))
