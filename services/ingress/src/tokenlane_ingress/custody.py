"""Requests with an idempotency key whose clients went away: they may come back, here or at another door.

Such a request runs on for a while. Then it is cancelled, unless somebody reads it: who does has attached to it, and
when asked, says what it was shown; one that has nothing to show yet attaches again now and then.
"""

import asyncio
from dataclasses import dataclass, field
from enum import Enum

from tokenlane.v1.recovery_pb2 import RequestState, Started
from tokenlane_chassis.bus import Bus, Message
from tokenlane_chassis.errors import BusError
from tokenlane_ingress.background import Background
from tokenlane_ingress.endings import Endings
from tokenlane_proto import subjects
from tokenlane_proto.codec import decode_attach, decode_key_record, decode_shown, decode_status
from tokenlane_proto.errors import MalformedMessageError
from tokenlane_proto.topology import ALL_ATTACHES, KEY_BUCKET, RESULTS, key_record

_ASK_S = 0.5
# A reader that hears nothing attaches again within this time.
_REATTACH_S = 120.0
# Readers of one request that are remembered; the oldest go first.
_READERS = 64
# Of those who know a request, at most this many are asked to tell its state.
_KNOWERS = 8


class Verdict(Enum):
    """What to do with a request whose client is away."""

    OVER = "over"
    WANTED = "wanted"
    ABANDONED = "abandoned"


@dataclass(slots=True, eq=False)
class _Case:
    tenant: str
    request_id: str
    body_sha256: bytes
    # When its deadline has passed, whoever published it. By the loop's clock.
    over_at: float = 0.0
    # Clients that wait for it at this process.
    here: int = 0
    # Inboxes that were attached to it, and when, by the loop's clock, in the order of these times.
    readers: dict[str, float] = field(default_factory=dict)
    timer: asyncio.TimerHandle | None = None


class Custody:
    """Looks after keyed requests from their acceptance here on. `grace_s`: how long one runs on without a reader."""

    def __init__(self, bus: Bus, endings: Endings, background: Background, grace_s: float) -> None:
        self._bus = bus
        self._endings = endings
        self._background = background
        self._grace_s = grace_s
        self._cases: dict[tuple[str, str], _Case] = {}

    def __len__(self) -> int:
        return len(self._cases)

    async def listen(self) -> None:
        """Subscribe to what readers ask for."""
        await self._bus.subscribe(ALL_ATTACHES, self._attached)

    def enter(self, tenant: str, request_id: str, body_sha256: bytes, seconds: float) -> None:
        """A client waits for a keyed request here, for at most `seconds`."""
        case = self._cases.get((tenant, request_id))
        if case is None:
            case = self._cases[tenant, request_id] = _Case(tenant, request_id, body_sha256)
        self._stop_waiting(case)
        case.over_at = max(case.over_at, asyncio.get_running_loop().time() + seconds)
        case.here += 1

    def leave(self, tenant: str, request_id: str, gone: bool) -> None:
        """A client that entered waits no more; `gone`: without its answer, for which it may come back."""
        case = self._cases[tenant, request_id]
        case.here -= 1
        if case.here:
            return
        if gone:
            self._wait(case)
        else:
            self._forget(case)

    def close(self) -> None:
        """This process ends: what is in its custody runs on."""
        for case in tuple(self._cases.values()):
            self._forget(case)

    def _attached(self, message: Message) -> None:
        try:
            attach = decode_attach(message.data)
        except MalformedMessageError:
            return
        case = self._cases.get((subjects.tenant_of(message.subject), attach.request_id))
        if case is not None:
            case.readers.pop(attach.inbox, None)
            case.readers[attach.inbox] = asyncio.get_running_loop().time()
            if len(case.readers) > _READERS:
                del case.readers[next(iter(case.readers))]

    def _wait(self, case: _Case) -> None:
        case.timer = asyncio.get_running_loop().call_later(self._grace_s, self._review_soon, case)

    def _stop_waiting(self, case: _Case) -> None:
        if case.timer is not None:
            case.timer.cancel()
            case.timer = None

    def _forget(self, case: _Case) -> None:
        self._stop_waiting(case)
        self._cases.pop((case.tenant, case.request_id), None)

    def _review_soon(self, case: _Case) -> None:
        case.timer = None
        self._background.start(self._review(case), "review an abandoned request")

    async def _review(self, case: _Case) -> None:
        try:
            verdict = await self._judge(case)
        except BusError:
            verdict = Verdict.WANTED
        if case.here or self._cases.get((case.tenant, case.request_id)) is not case:
            return
        if verdict is Verdict.WANTED:
            self._wait(case)
            return
        self._forget(case)
        if verdict is Verdict.ABANDONED:
            await self._endings.cancel(case.tenant, case.request_id)

    async def _judge(self, case: _Case) -> Verdict:
        tenant, request_id = case.tenant, case.request_id
        if asyncio.get_running_loop().time() > case.over_at:
            return Verdict.OVER
        if await self._bus.last(RESULTS, subjects.result(tenant, request_id)) is not None:
            return Verdict.OVER
        record = await self._bus.get(KEY_BUCKET, key_record(tenant, request_id))
        if record is None:
            return Verdict.WANTED  # Not looked at yet: it may not even be this one.
        if decode_key_record(record).body_sha256 != case.body_sha256:
            return Verdict.OVER
        readers = tuple(case.readers.items())
        reading = await asyncio.gather(self._client_waits(case), *(self._reads(case, *reader) for reader in readers))
        return Verdict.WANTED if any(reading) else Verdict.ABANDONED

    async def _client_waits(self, case: _Case) -> bool:
        """Whether the client of another copy waits at some door."""
        subject = subjects.status(case.tenant)
        answers = await self._bus.ask(subject, case.request_id.encode(), _ASK_S, _KNOWERS)
        return any(decode_status(each.data).state == RequestState.REQUEST_STATE_ACCEPTED for each in answers)

    async def _reads(self, case: _Case, inbox: str, attached_at: float) -> bool:
        if asyncio.get_running_loop().time() - attached_at < _REATTACH_S:
            return True
        question = Started(request_id=case.request_id).SerializeToString()
        answers = await self._bus.ask(subjects.shown(case.tenant, inbox), question, _ASK_S)
        if any(shown.events or shown.HasField("head") for shown in (decode_shown(each.data) for each in answers)):
            return True
        case.readers.pop(inbox, None)
        return False
