"""The far side of the bus, as far as a reader can see it: classifier and worker in one, told what to do by the test."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable

from tests.unit.client.frames import DONE, JSON_HEAD, SSE_HEAD
from tokenlane.v1.recovery_pb2 import KeyRecord, Shown, Started
from tokenlane.v1.reply_pb2 import Frame, Head, Outcome, Terminal
from tokenlane.v1.request_pb2 import Request
from tokenlane_chassis import results
from tokenlane_chassis.bus import Bus, Delivery, Message
from tokenlane_proto import events, subjects
from tokenlane_proto.codec import decode_attach, decode_key_record, decode_request, decode_shown
from tokenlane_proto.topology import BODY_STORE, CLASSIFIER_CONSUMER, KEY_BUCKET, RESULTS, key_record

Script = Callable[["Job"], Awaitable[None]]


class Job:
    """One attempt at a request."""

    def __init__(self, worker: "ScriptedWorker", tenant: str, request: Request, attempt: int = 1) -> None:
        self.worker = worker
        self.tenant = tenant
        self.request = request
        self.attempt = attempt
        self.inboxes = {request.reply_inbox} - {""}
        self.answer = b""
        self.checkpointed = 0
        self.heard = True
        # Positions that readers came back with: inbox, events, digest.
        self.claimed: list[tuple[str, int, int]] = []

    async def begin(self, followers: int = 1) -> list[Shown]:
        """Say that the attempt begins, and ask what was shown."""
        request_id = self.request.request_id
        told = Started(request_id=request_id, attempt=self.attempt).SerializeToString()
        asked = [self.worker.bus.ask(subjects.started(self.tenant, request_id), told, 0.5, most=followers)]
        asked += [self.worker.bus.ask(subjects.shown(self.tenant, inbox), told, 0.5) for inbox in self.inboxes]
        answers = await asyncio.gather(*asked)
        return [decode_shown(message.data) for group in answers for message in group]

    def emit(self, *new: bytes, first_event: int | None = None) -> None:
        """Send events, after those sent before."""
        first = events.count(self.answer) if first_event is None else first_event
        head = None if self.answer else SSE_HEAD
        self.answer += b"".join(new)
        self._compare()
        self.post(Frame(head=head, data=b"".join(new), first_event=first))

    async def end(self) -> None:
        """Store the streamed answer, then tell the end."""
        await self.store(self.answer, SSE_HEAD)
        self.post(Frame(first_event=events.count(self.answer), terminal=DONE))
        self.close()

    async def whole(self, body: bytes, head: Head = JSON_HEAD) -> None:
        """Store an answer that is not streamed, then send it."""
        await self.store(body, head)
        self.post(Frame(head=head, data=body, terminal=DONE))
        self.close()

    async def fail(
        self, status: int, message: str, code: str, outcome: Outcome = Outcome.OUTCOME_FAILED, retry_after_ms: int = 0
    ) -> None:
        """End it with an error."""
        begun, answer = bool(self.answer), self.worker.bus
        await results.publish_error(
            answer, self.tenant, self.request, status=status, message=message, code=code, outcome=outcome,
            attempt=self.attempt, begun=begun, first_event=events.count(self.answer), inboxes=self.inboxes,
            retry_after_ms=retry_after_ms,
        )  # fmt: skip
        if retry_after_ms and self.request.idempotency_key:
            await self._free_key()
        self.close()

    async def _free_key(self) -> None:
        bus, request_id = self.worker.bus, self.request.request_id
        refusal = await bus.last(RESULTS, subjects.result(self.tenant, request_id))
        assert refusal is not None
        record = KeyRecord(body_sha256=self.request.body_sha256, refusal_seq=refusal.seq)
        await bus.put(KEY_BUCKET, key_record(self.tenant, request_id), record.SerializeToString())

    async def store(self, body: bytes, head: Head) -> bool:
        """Store a result."""
        fields = results.result_headers(
            self.request.request_id, self.attempt, Outcome.OUTCOME_COMPLETED, head.http_status, head.content_type
        )
        return await results.store(self.worker.bus, self.tenant, self.request.request_id, body, fields)

    def post(self, frame: Frame) -> None:
        """Send a frame to all inboxes, unless nothing of this job is heard."""
        for inbox in self.inboxes:
            self._post_to(inbox, frame)

    def close(self) -> None:
        """Nobody works on it any more."""
        self.worker.jobs.pop((self.tenant, self.request.request_id), None)

    def attach(self, inbox: str, first_event: int, digest: int | None) -> None:
        """One more reader. Its position is compared as soon as it is reached."""
        self.inboxes.add(inbox)
        if digest is not None:
            self.claimed.append((inbox, first_event, digest))
            self._compare()
        if inbox in self.inboxes:
            head = SSE_HEAD if self.answer else None
            rest = events.skip(self.answer, first_event)
            self._post_to(inbox, Frame(head=head, first_event=first_event, data=rest))

    def _compare(self) -> None:
        reached = events.count(self.answer)
        for inbox, position, digest in [claim for claim in self.claimed if claim[1] <= reached]:
            self.claimed.remove((inbox, position, digest))
            known = self.answer[: len(self.answer) - len(events.skip(self.answer, position))]
            if events.digest(known) != digest:
                terminal = Terminal(outcome=Outcome.OUTCOME_FAILED, http_status=409, code="stream_diverged")
                self._post_to(inbox, Frame(terminal=terminal))
                self.inboxes.discard(inbox)

    def _post_to(self, inbox: str, frame: Frame) -> None:
        frame.attempt = self.attempt
        frame.checkpointed_events = self.checkpointed
        if self.heard:
            self.worker.bus.post(subjects.reply(self.tenant, inbox), frame.SerializeToString())


class ScriptedWorker:
    """Gives each accepted request to `script` as a job."""

    def __init__(self, bus: Bus, script: Script) -> None:
        self.bus = bus
        self.script = script
        self.jobs: dict[tuple[str, str], Job] = {}
        self.requests: list[Request] = []
        self.cancelled: list[str] = []
        self.attached: list[str] = []
        # Cleared while what was accepted is not decided.
        self.deciding = asyncio.Event()
        self.deciding.set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> "ScriptedWorker":
        await self.bus.subscribe("attach.*", self._attach)
        await self.bus.subscribe("cancels.*", lambda message: self.cancelled.append(message.data.decode()))
        await self.bus.pull(CLASSIFIER_CONSUMER, self._take, lambda: 64)
        return self

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _take(self, delivery: Delivery) -> None:
        task = asyncio.create_task(self._classify(delivery))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _classify(self, delivery: Delivery) -> None:
        await self.deciding.wait()
        request = decode_request(delivery.data)
        tenant = subjects.tenant_of(delivery.subject)
        if request.HasField("body_ref"):
            request.body = await self.bus.get_object(BODY_STORE, request.body_ref.object) or b""
        if request.idempotency_key and not await self._is_first(tenant, request, delivery.stream_seq):
            delivery.ack()
            return
        self.requests.append(request)
        job = self.jobs[tenant, request.request_id] = Job(self, tenant, request)
        delivery.ack()
        await self.script(job)

    async def _is_first(self, tenant: str, request: Request, seq: int) -> bool:
        assert request.body_sha256 == hashlib.sha256(request.body).digest()
        mine = KeyRecord(body_sha256=request.body_sha256, requests_seq=seq)
        key = key_record(tenant, request.request_id)
        found = await self.bus.create(KEY_BUCKET, key, mine.SerializeToString())
        if found is None:
            return True
        first = decode_key_record(found)
        if first.refusal_seq:
            await self.bus.delete_message(RESULTS, first.refusal_seq)
            await self.bus.put(KEY_BUCKET, key, mine.SerializeToString())
            return True
        if first.body_sha256 != request.body_sha256 and request.reply_inbox:
            terminal = Terminal(
                outcome=Outcome.OUTCOME_FAILED, reason="reused", http_status=409, code="idempotency_key_reused"
            )
            frame = Frame(attempt=1, terminal=terminal)
            self.bus.post(subjects.reply(tenant, request.reply_inbox), frame.SerializeToString())
        return False

    def _attach(self, message: Message) -> None:
        attach = decode_attach(message.data)
        self.attached.append(attach.inbox)
        job = self.jobs.get((subjects.tenant_of(message.subject), attach.request_id))
        if job is not None:
            job.attach(attach.inbox, attach.first_event, attach.digest if attach.HasField("digest") else None)
