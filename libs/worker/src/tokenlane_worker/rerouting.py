"""To another lane of the model, when the engine says that its context is too short."""

from tokenlane.v1.lane_pb2 import LaneProfile
from tokenlane.v1.request_pb2 import Request
from tokenlane_proto import codec
from tokenlane_proto.errors import MalformedMessageError
from tokenlane_worker.decision import Reroute

_TOO_SHORT = (
    b"context_length_exceeded",
    b"maximum context length",
    b"maximum model length",
    b"cannot be greater than max_model_len",
)


def says_too_short(status: int, body: bytes) -> bool:
    """Whether an engine's refusal says that its context does not hold the request."""
    return 400 <= status < 500 and any(sign in body for sign in _TOO_SHORT)


class LaneTable:
    """The lanes of all models, as the bucket of lanes has them."""

    def __init__(self) -> None:
        self._profiles: dict[str, LaneProfile] = {}

    def update(self, key: str, value: bytes | None) -> None:
        """A lane's profile was written or deleted."""
        self._profiles.pop(key, None)
        if value is not None:
            try:
                self._profiles[key] = codec.decode_lane_profile(value)
            except MalformedMessageError:
                return

    def contexts(self, model: str) -> dict[str, int]:
        """What the engines of each lane of `model` hold. Unit: tokens of a sequence."""
        return {each.lane: each.max_model_len for each in self._profiles.values() if each.model == model}

    def larger(self, model: str, lane: str, max_model_len: int) -> LaneProfile | None:
        """The next lane of `model` that holds more than `max_model_len` tokens, None if there is none."""
        fits = [
            profile
            for profile in self._profiles.values()
            if profile.model == model and profile.lane != lane and profile.max_model_len > max_model_len
        ]
        return min(fits, key=lambda profile: (profile.max_model_len, profile.lane)) if fits else None


def for_lane(encoded: bytes, attempt: int, reroute: Reroute) -> bytes:
    """An encoded request for another lane after `attempt`. Protobuf merges what is appended."""
    change = Request(attempts_before=attempt)
    change.too_short_tokens, change.moved = reroute.too_short, reroute.moved
    change.classification.lane = change.classification.fits = reroute.lane
    if reroute.budget is not None:
        change.classification.prompt_tokens, change.classification.output_tokens = reroute.budget
    return encoded + change.SerializeToString()
