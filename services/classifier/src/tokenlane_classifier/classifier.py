"""The shell around `decision`: read, decide, publish onward. Returning means that the message may be acknowledged.

A message published onward twice, because its classifier died before the acknowledgement, is one message by its
`Nats-Msg-Id`.
"""

from collections.abc import Callable
from time import perf_counter

from opentelemetry.trace import SpanKind

from tokenlane.v1.reply_pb2 import Outcome
from tokenlane.v1.request_pb2 import Classification, Request
from tokenlane_chassis import results
from tokenlane_chassis.bus import Delivery
from tokenlane_chassis.errors import MessageTooLargeError
from tokenlane_chassis.service import Context
from tokenlane_chassis.tracing import headers_of
from tokenlane_classifier.decision import Forward, Policy, Reject, decide, malformed
from tokenlane_classifier.knowledge import Knowledge
from tokenlane_classifier.metrics import Metrics
from tokenlane_classifier.reading import Reading, read, salvage
from tokenlane_classifier.settings import ClassifierSettings
from tokenlane_proto import codec, headers, subjects
from tokenlane_proto.errors import MalformedMessageError

_TOO_LARGE = Reject(413, "the request is too large for the bus", Outcome.OUTCOME_FAILED, "request_too_large")
_GAVE_UP = Reject(500, "the request could not be classified", Outcome.OUTCOME_FAILED, "internal_error")


class Classifier:
    """Handles one delivery at a time a call. `clock` returns milliseconds since the Unix epoch."""

    def __init__(
        self,
        context: Context[ClassifierSettings],
        knowledge: Knowledge,
        policy: Policy,
        metrics: Metrics,
        clock: Callable[[], int],
    ) -> None:
        self._context = context
        self._knowledge = knowledge
        self._policy = policy
        self._metrics = metrics
        self._clock = clock

    async def handle(self, delivery: Delivery) -> None:
        """Forward the request to its lane, or end it with an error. Raises BusError: neither happened for sure."""
        started = perf_counter()
        tenant = self._tenant_of(delivery)
        if tenant is None:
            return
        try:
            reading = read(delivery, self._clock())
        except MalformedMessageError as error:
            await self._reject(tenant, _address(delivery), malformed(str(error), error.param))
            return
        known = self._knowledge
        decision = decide(reading.request, known.models, known.ratios, self._policy, self._clock())
        self._metrics.decided(perf_counter() - started)
        if isinstance(decision, Forward):
            await self._forward(delivery, tenant, reading, decision)
        else:
            await self._reject(tenant, reading.request, decision)

    async def give_up(self, delivery: Delivery) -> None:
        """End a request that fails each time it is handled. Raises BusError."""
        tenant = self._tenant_of(delivery)
        if tenant is not None:
            await self._reject(tenant, _address(delivery), _GAVE_UP)

    def _tenant_of(self, delivery: Delivery) -> str | None:
        """The tenant, or None where the subject names none: then there is nobody to answer."""
        try:
            return subjects.tenant_of(delivery.subject)
        except MalformedMessageError as error:
            self._context.log.warning("dropped", reason=str(error))
            self._metrics.rejected("no_tenant")
            return None

    async def _forward(self, delivery: Delivery, tenant: str, reading: Reading, decision: Forward) -> None:
        request, budget = reading.request, decision.budget
        classification = Classification(
            lane=decision.lane,
            prompt_tokens=budget.prompt_tokens,
            output_tokens=budget.output_tokens,
            category=decision.category,
            classified_unix_ms=self._clock(),
        )
        subject = subjects.lane(decision.lane, request.facts.model, tenant, budget.total)
        payload = codec.with_classification(reading.encoded, classification)
        try:
            await self._publish(delivery, subject, payload, f"{tenant}.{request.request_id}")
        except MessageTooLargeError:
            await self._reject(tenant, request, _TOO_LARGE)
            return
        self._metrics.classified(decision.lane, request.facts.model, budget)

    async def _publish(self, delivery: Delivery, subject: str, payload: bytes, message_id: str) -> None:
        """Publish under the delivery's trace, with a span of its own only where one is recorded."""
        fields = {headers.MSG_ID: message_id}
        if headers.TRACEPARENT in delivery.headers:
            fields[headers.TRACEPARENT] = delivery.headers[headers.TRACEPARENT]
        attributes = {"messaging.system": "nats", "messaging.operation.type": "process"}
        span = self._context.tracing.start("classify", SpanKind.CONSUMER, delivery.headers, attributes)
        if span is None:
            await self._context.bus.publish_durable(subject, payload, fields)
            return
        with span:
            span.set_attribute("messaging.destination.name", subject)
            await self._context.bus.publish_durable(subject, payload, fields | headers_of(span))

    async def _reject(self, tenant: str, request: Request, reject: Reject) -> None:
        await results.publish_error(
            self._context.bus,
            tenant,
            request,
            status=reject.status,
            message=reject.message,
            error_type="server_error" if reject.status >= 500 else "invalid_request_error",
            code=reject.code,
            param=reject.param,
            outcome=reject.outcome,
        )
        self._metrics.rejected(reject.code)


def _address(delivery: Delivery) -> Request:
    return salvage(delivery.data, delivery.headers, delivery.stream_seq)
