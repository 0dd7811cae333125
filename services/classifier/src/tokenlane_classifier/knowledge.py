"""What the classifier knows: lanes from their bucket, ratios from usage. Both are values, replaced whole."""

from collections.abc import Callable, Mapping

import structlog

from tokenlane_chassis.bus import Message
from tokenlane_classifier.lanes import LaneBoundary, ModelLanes
from tokenlane_classifier.learning import category_of, learned, misrouting, relative_error
from tokenlane_classifier.metrics import Metrics
from tokenlane_classifier.ratio import Ratios
from tokenlane_classifier.registry import Registry
from tokenlane_proto import codec, subjects
from tokenlane_proto.errors import MalformedMessageError


class Knowledge:
    """Kept up to date by `lane_changed` and `used`, which are handlers of the bus."""

    def __init__(
        self,
        boundaries: tuple[LaneBoundary, ...],
        beta: float,
        metrics: Metrics,
        log: structlog.stdlib.BoundLogger,
        ended: Callable[[str, str], None],
    ) -> None:
        """`ended` is called with tenant and id of each request that an engine answered."""
        self._registry = Registry(boundaries)
        self._beta = beta
        self._metrics = metrics
        self._log = log
        self._ended = ended
        self.ratios = Ratios()

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
        self._log.info("lanes", models={model: [lane.name for lane in own.lanes] for model, own in self.models.items()})

    def used(self, message: Message) -> None:
        """An engine answered a request and counted its tokens."""
        try:
            tenant, event = subjects.tenant_of(message.subject), codec.decode_usage(message.data)
        except MalformedMessageError as error:
            self._log.warning("usage event ignored", subject=message.subject, reason=str(error))
            return
        self._ended(tenant, event.request_id)
        if event.usage.estimated:
            # A stream without counts: what it says of the prompt is this classifier's own estimate.
            return
        self.ratios = learned(self.ratios, event, self._beta)
        category, error_share = category_of(event), relative_error(event)
        if category is not None and error_share is not None:
            self._metrics.learned(event.model, category, self.ratios.of(event.model, category), error_share)
        wrong = misrouting(event, self.models)
        if wrong is not None:
            self._metrics.misrouted(wrong)
