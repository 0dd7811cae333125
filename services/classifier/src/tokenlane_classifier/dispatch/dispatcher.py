"""The dispatcher while it leads: hears who asks, waits, works and ends; decides with `State`; lets `Releasing` act."""

import asyncio
import contextlib
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import AsyncExitStack, aclosing
from functools import partial

import structlog

from tokenlane.v1.line_pb2 import Candidate, Verdict, Verdicts
from tokenlane.v1.recovery_pb2 import RequestState, RequestStatus
from tokenlane_chassis.bus import Bus, Message
from tokenlane_chassis.errors import BusError
from tokenlane_classifier.dispatch.candidates import Key, candidate_of
from tokenlane_classifier.dispatch.leftovers import Leftovers
from tokenlane_classifier.dispatch.metrics import LineMetrics
from tokenlane_classifier.dispatch.releasing import Releasing
from tokenlane_classifier.dispatch.state import Fate, State
from tokenlane_classifier.line.limits import TenantLimits
from tokenlane_classifier.line.verdict import Refused
from tokenlane_classifier.line.waiting import Waiting
from tokenlane_classifier.replies import tell_waiting
from tokenlane_proto import codec, subjects, topology
from tokenlane_proto.errors import MalformedMessageError

_ACCOUNTS = "accounts"
# Of those that wait, told how they stand in each sweep.
_TELL = 500
_SWEEP_S = 1.0
# Who works tells a new dispatcher what it has within this time.
_GREETING_S = 0.25
# Every so many sweeps the stream is compared with what is known of it.
_COMPARE = 5

# What is told of longer waits.
_LONGEST_MS = 86_400_000

_GO = Verdict()


class Dispatcher:
    """`limits` of each tenant; `models` that are served. `clock` returns seconds since the Unix epoch, `chance` a
    number of at least 0 and below 1."""

    def __init__(
        self,
        bus: Bus,
        limits: Callable[[str], TenantLimits],
        prefill_tokens_per_s: float,
        models: Callable[[], Iterable[str]],
        clock: Callable[[], float],
        chance: Callable[[], float],
        metrics: LineMetrics,
        log: structlog.stdlib.BoundLogger,
    ) -> None:
        self._bus = bus
        self._new_state = partial(State, limits, prefill_tokens_per_s)
        self._models = models
        self._kept = b""
        self._missed = False
        # Those of what waits that were found in the stream.
        self._found: set[int] = set()
        self._clock = clock
        self._chance = chance
        self._log = log
        self._state = self._new_state()
        self._releasing = Releasing(bus, log)
        self._leftovers = Leftovers(bus, log)
        self._metrics = metrics

    async def lead(self) -> None:
        """Until cancelled. Raises BusError."""
        told = {
            subjects.LINE_HELD: self._held,
            topology.ALL_USAGE: self._used,
            topology.ALL_CANCELS: self._cancelled,
        }
        asked = {
            subjects.LINE_ROOM: self._heard,
            topology.ALL_STATUS: self._status,
            subjects.LINE_ASK: self._asked,
        }
        self._state.hear_workers()
        async with AsyncExitStack() as stack:
            # Who does not lead knows nothing, and lets nothing go.
            stack.callback(self._forget)
            stack.push_async_callback(self._releasing.stop)
            # What was and what waits is known before anybody is answered.
            await self._remember()
            await self._listen(told, stack)
            await self._recall()
            await self._listen(asked, stack)
            self._bus.post(subjects.LINE_HELLO, b"")
            stack.callback(self._metrics.left)
            await asyncio.sleep(_GREETING_S)
            self._state.workers_heard()
            self._go_on()
            await self._look_after()

    async def _listen(self, handlers: Mapping[str, Callable[[Message], None]], stack: AsyncExitStack) -> None:
        for subject, handler in handlers.items():
            subscription = await self._bus.subscribe(subject, partial(self._read, handler))
            stack.push_async_callback(subscription.unsubscribe)

    def _forget(self) -> None:
        self._state, self._missed = self._new_state(), False
        self._found.clear()

    def tenant_changed(self, tenant: str) -> None:
        """Its limits are others from now on."""
        self._state.tenant_changed(tenant)
        self._go_on()

    async def _look_after(self) -> None:
        sweeps = 0
        while True:
            await asyncio.sleep(_SWEEP_S)
            sweeps += 1
            for waiting in self._state.sweep(self._clock()):
                self._releasing.expire(waiting.seq)
            self._tell_those_who_wait()
            waits = {model: len(line) for model, line in self._state.lines.items()}
            self._metrics.waits(waits, self._state.returning(self._clock()))
            try:
                await self._count()
                await self._keep()
                if sweeps % _COMPARE == 0:
                    await self._compare()
            except BusError as error:
                self._log.warning("lanes not counted", reason=str(error))
            self._go_on()

    async def _remember(self) -> None:
        data = await self._bus.get(topology.LINE_BUCKET, _ACCOUNTS)
        if data is None:
            return
        try:
            self._state.restore(data, self._models(), self._clock())
        except ValueError as error:
            self._log.warning("accounts ignored", reason=str(error))

    async def _keep(self) -> None:
        data = self._state.snapshot(self._clock())
        if data != self._kept:
            await self._bus.put(topology.LINE_BUCKET, _ACCOUNTS, data)
            self._kept = data

    async def _compare(self) -> None:
        """Find what waits and is not known. What is being moved or was just put there is not counted yet; only what is
        missed twice is looked for. Raises BusError."""
        counts = await self._bus.subject_counts(topology.LANES, ">")
        waits: Counter[str] = Counter()
        for subject, count in counts.items():
            with contextlib.suppress(MalformedMessageError):
                if subjects.is_held(subject):
                    waits[subjects.parse_lane(subject).model] += count
        now_s, moved = self._clock(), self._releasing.busy
        missed = any(count > self._state.known(model, now_s) + moved for model, count in waits.items())
        if missed and self._missed:
            await self._recall()
        self._missed = missed
        places = [(model, place) for model, crew in self._state.crews.items() for place in crew.places()]
        await self._leftovers.look(counts, places)

    async def _recall(self) -> None:
        """All that waits, from the stream. Raises BusError."""
        self._found.clear()
        async with aclosing(self._bus.read(topology.LANES, topology.ALL_HELD)) as messages:
            async for message in messages:
                try:
                    tenant = subjects.parse_lane(message.subject).tenant
                    request = codec.decode_request(message.data)
                except MalformedMessageError as error:
                    self._log.warning("ignored", subject=message.subject, reason=str(error))
                    continue
                candidate = candidate_of(tenant, request, request.classification, message.seq)
                self._found.add(message.seq)
                if self._state.recall(candidate, self._clock()) is Fate.COPY:
                    self._releasing.forget(message.seq)

    async def _count(self) -> None:
        for model, crew in list(self._state.crews.items()):
            for place in crew.places():
                consumer = topology.lane_consumer(place.lane, place.fits, model)
                counts = await self._bus.consumer_counts(consumer)
                crew.counted(place, counts.pending, self._clock())

    def _read(self, handler: Callable[[Message], None], message: Message) -> None:
        try:
            handler(message)
        except MalformedMessageError as error:
            self._log.warning("ignored", subject=message.subject, reason=str(error))

    def _asked(self, message: Message) -> None:
        ask, now_s = codec.decode_ask(message.data), self._clock()
        found = [self._state.apply(candidate, now_s, self._chance()) for candidate in ask.candidates]
        self._go_on()
        verdicts = [self._verdict(*pair, now_s) for pair in zip(ask.candidates, found, strict=True)]
        self._bus.post(message.reply, Verdicts(verdicts=verdicts).SerializeToString())

    def _verdict(self, candidate: Candidate, found: Waiting | Refused | None, now_s: float) -> Verdict:
        match found:
            case Refused():
                return Verdict(
                    kind=Verdict.KIND_REFUSE,
                    status=found.status,
                    code=found.code,
                    message=found.message,
                    retry_after_ms=min(found.retry_after_ms or 0, _LONGEST_MS),
                )
            case Waiting() if found.seq in self._state.line(found.model):
                position, start_s = self._state.told(found, now_s)
                if found.seq < 0:
                    self._state.wait(candidate, found, now_s)
                return Verdict(kind=Verdict.KIND_HOLD, position=position, expected_start_ms=_ms(start_s))
            case _:
                return _GO

    def _held(self, message: Message) -> None:
        candidate = codec.decode_held(message.data).candidate
        match self._state.held(candidate, self._clock()):
            case Fate.GOES:
                self._releasing.release(candidate.held_seq)
            case Fate.COPY:
                self._releasing.forget(candidate.held_seq)
            case _:
                self._go_on(candidate.model)

    def _heard(self, message: Message) -> None:
        room = codec.decode_room(message.data)
        self._state.heard(room, self._clock())
        self._forget_copies()
        self._go_on(room.model)

    def _used(self, message: Message) -> None:
        event = codec.decode_usage(message.data)
        key = (subjects.tenant_of(message.subject), event.request_id)
        usage = event.usage
        self._state.used(key, usage.prompt_tokens, usage.completion_tokens, self._clock())
        self._state.ran(key[0], event)
        self._forget_copies()
        self._go_on(event.model)

    def _cancelled(self, message: Message) -> None:
        waiting = self._state.gone(_named(message), self._clock())
        if waiting is not None:
            self._releasing.cancel(waiting.seq)

    def _status(self, message: Message) -> None:
        """Where a request stands that waits. Classifiers and workers know the rest."""
        now_s = self._clock()
        waiting = self._state.in_line(_named(message))
        if waiting is not None and message.reply:
            position, start_s = self._state.told(waiting, now_s)
            status = RequestStatus(
                state=RequestState.REQUEST_STATE_QUEUED,
                lane=waiting.lane,
                model=waiting.model,
                budget_tokens=waiting.tokens,
                accepted_unix_ms=round(waiting.accepted_s * 1_000),
                ahead=position,
                expected_start_ms=_ms(start_s),
            )
            self._bus.post(message.reply, status.SerializeToString())

    def _tell_those_who_wait(self) -> None:
        now_s = self._clock()
        for waiting, inbox in self._state.watched(_TELL):
            position, start_s = self._state.told(waiting, now_s)
            tell_waiting(self._bus, waiting.tenant, inbox, position, _ms(start_s))

    def _go_on(self, *models: str) -> None:
        """Let go what may go. What is asked about goes by itself."""
        for model in models or list(self._state.lines):
            for waiting in self._state.releases(model, self._clock()):
                self._metrics.released(model, waiting.lane, self._clock() - waiting.accepted_s)
                if waiting.seq > 0:
                    self._releasing.release(waiting.seq, waiting.seq in self._found)
                    self._found.discard(waiting.seq)

    def _forget_copies(self) -> None:
        for seq in self._state.copies():
            self._releasing.forget(seq)


def _named(message: Message) -> Key:
    return subjects.tenant_of(message.subject), message.data.decode(errors="replace")


def _ms(seconds: float) -> int:
    return min(math.ceil(seconds * 1_000), _LONGEST_MS) if seconds < math.inf else _LONGEST_MS
