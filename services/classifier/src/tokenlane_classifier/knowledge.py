"""What the classifier knows: lanes and their boundaries from their buckets, and what answers taught."""

from collections.abc import Callable, Mapping

import structlog

from tokenlane.v1.lane_pb2 import Boundaries
from tokenlane.v1.reply_pb2 import UsageEvent
from tokenlane_chassis.bus import Message
from tokenlane_classifier.estimate.estimates import Estimates
from tokenlane_classifier.lanes import ModelLanes
from tokenlane_classifier.learning import misrouting
from tokenlane_classifier.ledger import Ledger
from tokenlane_classifier.metrics import Metrics
from tokenlane_classifier.recent import Recent
from tokenlane_classifier.registry import Registry
from tokenlane_classifier.sampling import Sampling
from tokenlane_proto import codec, subjects
from tokenlane_proto.errors import MalformedMessageError
from tokenlane_proto.lane_setting import LaneSetting, lanes_in


class Knowledge:
    """Kept up to date by `lane_changed`, `boundaries_changed` and `used`, which are handlers of the bus, and by
    `missed`. `clock` returns milliseconds since the Unix epoch."""

    def __init__(
        self,
        boundaries: tuple[LaneSetting, ...],
        estimates: Estimates,
        ledger: Ledger,
        metrics: Metrics,
        log: structlog.stdlib.BoundLogger,
        clock: Callable[[], int],
    ) -> None:
        self._registry = Registry(boundaries)
        self._ledger = ledger
        self._metrics = metrics
        self._log = log
        self._clock = clock
        self._recent = Recent()
        self._sampling, self._sampling_missed = Sampling(), Sampling()
        self.estimates = estimates
        self.learned_events = 0

    @property
    def models(self) -> Mapping[str, ModelLanes]:
        """Lanes by model."""
        return self._registry.models

    def lane_changed(self, key: str, value: bytes | None) -> None:
        """A lane profile was written or deleted."""
        try:
            profile = None if value is None else codec.decode_lane_profile(value)
        except MalformedMessageError as error:
            self._log.warning("lane profile ignored", key=key, reason=str(error))
            return
        self._registry = self._registry.updated(key, profile)
        self._log.info("lanes", models=self._lanes())

    def boundaries_changed(self, key: str, value: bytes | None) -> None:
        """The boundaries of a model were moved, or are the settings' again."""
        try:
            message = Boundaries() if value is None else codec.decode_boundaries(value)
            boundaries = None if value is None else lanes_in(message)
        except (MalformedMessageError, ValueError) as error:
            self._log.warning("boundaries ignored", key=key, reason=str(error))
            return
        self._registry = self._registry.bounded(key, boundaries)
        reason = "those of the settings" if value is None else message.reason
        self._log.info("boundaries", key=key, reason=reason, models=self._lanes())

    def used(self, message: Message) -> None:
        """An engine answered a request and counted its tokens."""
        told = self._told(message)
        if told is None:
            return
        tenant, event = told
        entry = self._ledger.forget(tenant, event.request_id)
        if not self._is_new(tenant, event):
            return
        self._metrics.answered(event, "" if entry is None else entry.level)
        wrong = misrouting(event, self.models)
        if wrong is not None:
            self._metrics.misrouted(wrong)
        now = self._clock()
        if self._sampling.takes(event.request_id, now) and self._learn(tenant, event, now):
            self._metrics.learned(event, self.estimates.prompt)

    def missed(self, message: Message) -> None:
        """A usage event from the stream, which may have been heard, too. It teaches, and is not counted."""
        told = self._told(message)
        if told is None:
            return
        tenant, event = told
        if self._is_new(tenant, event):
            now = self._clock()
            then = min(now, event.accepted_unix_ms or now)
            if self._sampling_missed.takes(event.request_id, then):
                self._learn(tenant, event, then)

    def _told(self, message: Message) -> tuple[str, UsageEvent] | None:
        try:
            return subjects.tenant_of(message.subject), codec.decode_usage(message.data)
        except MalformedMessageError as error:
            self._log.warning("usage event ignored", subject=message.subject, reason=str(error))
            return None

    def _is_new(self, tenant: str, event: UsageEvent) -> bool:
        # An id may be used again later.
        return not event.request_id or self._recent.is_new(hash((tenant, event.request_id, event.accepted_unix_ms)))

    def _learn(self, tenant: str, event: UsageEvent, now_unix_ms: int) -> bool:
        taught = self.estimates.learn(tenant, event, now_unix_ms)
        self.learned_events += taught
        return taught

    def _lanes(self) -> dict[str, dict[str, int]]:
        return {model: {lane.name: lane.upper for lane in own.lanes} for model, own in self.models.items()}
