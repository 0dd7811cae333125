"""What the autoscaler follows of each lane: its profile, the replicas wanted, and the tokens its workers finished."""

from dataclasses import dataclass, field

import structlog

from tokenlane.v1.lane_pb2 import DesiredReplicas, LaneProfile
from tokenlane_chassis.bus import Message
from tokenlane_proto import codec, subjects, topology
from tokenlane_proto.errors import MalformedMessageError


@dataclass(slots=True)
class Lanes:
    """By key of the lane bucket. The methods are handlers of the bus."""

    log: structlog.stdlib.BoundLogger
    profiles: dict[str, LaneProfile] = field(default_factory=dict)
    wanted: dict[str, DesiredReplicas] = field(default_factory=dict)
    # Of requests by the lane that they waited in, and by the lane of the worker that ran them: an idle worker takes
    # from other lanes.
    finished_tokens: dict[str, int] = field(default_factory=dict)
    ran_tokens: dict[str, int] = field(default_factory=dict)

    def profile_changed(self, key: str, value: bytes | None) -> None:
        """A lane profile was written or deleted."""
        if value is None:
            self.profiles.pop(key, None)
            return
        try:
            self.profiles[key] = codec.decode_lane_profile(value)
        except MalformedMessageError as error:
            self.log.warning("lane profile ignored", key=key, reason=str(error))

    def wanted_changed(self, key: str, value: bytes | None) -> None:
        """The replicas wanted were written, by this process or an operator, or deleted."""
        if value is None:
            self.wanted.pop(key, None)
            return
        try:
            self.wanted[key] = codec.decode_desired_replicas(value)
        except MalformedMessageError as error:
            self.log.warning("replicas wanted ignored", key=key, reason=str(error))

    def used(self, message: Message) -> None:
        """A request is finished. Its budget counts, rounded as in its subject: what it took from the backlog."""
        try:
            event = codec.decode_usage(message.data)
        except MalformedMessageError as error:
            self.log.warning("usage event ignored", subject=message.subject, reason=str(error))
            return
        tokens = subjects.bucket_tokens(event.estimated_prompt_tokens + event.budget_output_tokens)
        self._count(self.finished_tokens, event.classification.lane or event.lane, event.model, tokens)
        self._count(self.ran_tokens, event.lane, event.model, tokens)

    def _count(self, totals: dict[str, int], lane: str, model: str, tokens: int) -> None:
        key = topology.lane_key(lane, model)
        if key in self.profiles:
            totals[key] = totals.get(key, 0) + tokens
