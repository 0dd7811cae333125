"""The shell around `decision`: read, decide, publish onward. Returning means that the message may be acknowledged.

A message published onward twice, because its classifier died before the acknowledgement, is one message by its
`Nats-Msg-Id`. That window is bounded, so a redelivery looks for the result first.
"""

from collections.abc import Callable
from time import perf_counter

from opentelemetry.trace import SpanKind

from tokenlane.v1.line_pb2 import Held, Verdict
from tokenlane.v1.reply_pb2 import Outcome
from tokenlane.v1.request_pb2 import Classification, Priority, Request
from tokenlane_chassis import results
from tokenlane_chassis.bus import Delivery, Stored
from tokenlane_chassis.errors import MessageTooLargeError
from tokenlane_chassis.service import Context
from tokenlane_chassis.tracing import headers_of
from tokenlane_classifier import replies
from tokenlane_classifier.controls import Controls
from tokenlane_classifier.decision import Forward, Reject, Wish, cancelled, decide, malformed, refused
from tokenlane_classifier.dispatch.asking import Asking
from tokenlane_classifier.dispatch.candidates import Patience, candidate_of
from tokenlane_classifier.keyed import Keys
from tokenlane_classifier.knowledge import Knowledge
from tokenlane_classifier.ledger import Entry, Key, Ledger, entry_of, forwarded
from tokenlane_classifier.metrics import Metrics
from tokenlane_classifier.reading import Reading, is_own_object, read, salvage, with_defaults
from tokenlane_classifier.settings import ClassifierSettings
from tokenlane_classifier.tenants import Tenants
from tokenlane_proto import codec, headers, subjects, topology
from tokenlane_proto.errors import MalformedMessageError

_TOO_LARGE = Reject(413, "the request is too large for the bus", Outcome.OUTCOME_FAILED, "request_too_large")
_GAVE_UP = Reject(500, "the request could not be classified", Outcome.OUTCOME_FAILED, "internal_error")


class Classifier:
    """Handles one delivery at a time a call. `clock` returns milliseconds since the Unix epoch."""

    def __init__(
        self,
        context: Context[ClassifierSettings],
        knowledge: Knowledge,
        tenants: Tenants,
        ledger: Ledger,
        controls: Controls,
        metrics: Metrics,
        asking: Asking,
        patience: Patience,
        clock: Callable[[], int],
    ) -> None:
        self._asking = asking
        self._patience = patience
        self._context = context
        self._bus = context.bus
        self._knowledge = knowledge
        self._tenants = tenants
        self._ledger = ledger
        self._controls = controls
        self._metrics = metrics
        self._clock = clock
        self._keys = Keys(context.bus, metrics, context.log)

    async def handle(self, delivery: Delivery) -> None:
        """Forward the request to its lane, or end it with an error. Raises BusError: neither happened for sure."""
        started = perf_counter()
        tenant = self._tenant_of(delivery)
        if tenant is None:
            return
        now = self._clock()
        try:
            reading = read(delivery, tenant, now)
        except MalformedMessageError as error:
            await self._refuse_malformed(tenant, delivery, error)
            return
        reading = with_defaults(reading, self._tenants.timeout_ms(tenant), now)
        request, entry = reading.request, entry_of(reading.request, delivery.stream_seq)
        if await self._was_there(delivery, tenant, request, entry):
            return
        key = (tenant, request.request_id)
        self._ledger.note(key, entry)
        decision = self._decide(key, request)
        self._metrics.decided(perf_counter() - started)
        if isinstance(decision, Forward):
            await self._forward(delivery, key, reading, entry, decision)
        else:
            await self._reject(tenant, request, decision)

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

    async def _refuse_malformed(self, tenant: str, delivery: Delivery, error: MalformedMessageError) -> None:
        request = _address(delivery)
        if await self._admit(tenant, request, delivery.stream_seq):
            await self._reject(tenant, request, malformed(str(error), error.param))

    async def _was_there(self, delivery: Delivery, tenant: str, request: Request, entry: Entry) -> bool:
        """Whether the request is not to go on, because it did before."""
        if not await self._admit(tenant, request, delivery.stream_seq):
            return True
        if self._ledger.is_copy((tenant, request.request_id), entry):
            self._metrics.repeated("copy")
            return True
        return delivery.attempt > 1 and await self._has_ended(delivery, tenant, request)

    async def _admit(self, tenant: str, request: Request, requests_seq: int) -> bool:
        if not request.idempotency_key:
            return True
        return await self._keys.admit(tenant, request, requests_seq, self._clock())

    async def _has_ended(self, delivery: Delivery, tenant: str, request: Request) -> bool:
        result = await self._bus.last(topology.RESULTS, subjects.result(tenant, request.request_id))
        if result is None:
            return False
        self._metrics.repeated("ended")
        await self._keys.refused(tenant, request, delivery.stream_seq)
        replies.tell_stored(self._bus, tenant, request, result)
        return True

    def _decide(self, key: Key, request: Request) -> Forward | Reject:
        if self._ledger.is_cancelled(key, request.accepted_unix_ms):
            return cancelled()
        tenant, known = key[0], self._knowledge
        return decide(tenant, request, known.models, known.estimates, self._clock())

    async def _forward(self, delivery: Delivery, key: Key, reading: Reading, entry: Entry, decision: Forward) -> None:
        (tenant, request_id), request, budget = key, reading.request, decision.budget
        given = self._classification(tenant, request, decision)
        candidate = candidate_of(tenant, request, given)
        verdict = await self._asking.verdict(candidate)
        if verdict.kind == Verdict.KIND_REFUSE:
            await self._reject(tenant, request, refused(verdict))
            await self._keys.refused(tenant, request, delivery.stream_seq)
            return
        parts = (decision.lane, decision.fits, entry.model, tenant, budget.total)
        holds = verdict.kind == Verdict.KIND_HOLD
        subject = subjects.held(*parts) if holds else subjects.lane(*parts)
        # The same name for both, so that a request is in one of them.
        name = f"{tenant}.{request_id}.{delivery.stream_seq}"
        try:
            stored = await self._publish(delivery, subject, codec.with_classification(reading.encoded, given), name)
        except MessageTooLargeError:
            await self._reject(tenant, request, _TOO_LARGE)
            return
        if holds or stored.duplicate:
            candidate.held_seq = stored.seq
            self._bus.post(subjects.LINE_HELD, Held(candidate=candidate).SerializeToString())
        if holds and candidate.reply_inbox:
            replies.tell_waiting(self._bus, tenant, candidate.reply_inbox, verdict.position, verdict.expected_start_ms)
        self._metrics.classified(decision.lane, entry.model, budget)
        await self._queued(key, forwarded(entry, decision, stored.seq))

    def _classification(self, tenant: str, request: Request, decision: Forward) -> Classification:
        policy = self._tenants.policy(tenant)
        limit_ms, is_asked = request.ttft_limit_ms or policy.ttft_limit_ms, True
        if not limit_ms:
            first = self._knowledge.models[request.facts.model].lanes[0].name
            limit_ms = self._patience.limit_ms(decision.budget.prompt_tokens, decision.lane == first)
            is_asked = False
        priority = request.priority or policy.priority or Priority.PRIORITY_STANDARD
        return decision.classification(self._clock(), Wish(limit_ms, is_asked, priority))

    async def _queued(self, key: Key, entry: Entry) -> None:
        """The request waits in its lane. A cancellation that came meanwhile did not find it there."""
        self._ledger.note(key, entry)
        if self._ledger.is_cancelled(key, entry.accepted_unix_ms):
            await self._controls.drop(key, entry)

    async def _publish(self, delivery: Delivery, subject: str, payload: bytes, message_id: str) -> Stored:
        """Publish under the delivery's trace, with a span of its own only where one is recorded."""
        fields = {headers.MSG_ID: message_id}
        if headers.TRACEPARENT in delivery.headers:
            fields[headers.TRACEPARENT] = delivery.headers[headers.TRACEPARENT]
        attributes = {"messaging.system": "nats", "messaging.operation.type": "process"}
        span = self._context.tracing.start("classify", SpanKind.CONSUMER, delivery.headers, attributes)
        if span is None:
            return await self._bus.publish_durable(subject, payload, fields)
        with span:
            span.set_attribute("messaging.destination.name", subject)
            return await self._bus.publish_durable(subject, payload, fields | headers_of(span))

    async def _reject(self, tenant: str, request: Request, reject: Reject) -> None:
        await results.publish_error(
            self._bus,
            tenant,
            request,
            status=reject.status,
            message=reject.message,
            error_type=reject.error_type,
            code=reject.code,
            param=reject.param,
            outcome=reject.outcome,
            retry_after_ms=reject.retry_after_ms,
        )
        self._metrics.rejected(reject.code)
        self._ledger.forget(tenant, request.request_id)
        body_object = request.body_ref.object
        if is_own_object(body_object, tenant, request.request_id):
            await self._bus.delete_object(topology.BODY_STORE, body_object)


def _address(delivery: Delivery) -> Request:
    return salvage(delivery.data, delivery.headers, delivery.stream_seq)
