"""The way back: an engine's bytes become frames at the inboxes, and one stored result."""

import sys
import time
from collections.abc import Callable

from tokenlane.v1.recovery_pb2 import Attach
from tokenlane.v1.reply_pb2 import Frame, Head, Outcome, Terminal, Usage
from tokenlane_chassis.results import result_headers
from tokenlane_proto import events, headers
from tokenlane_worker import usage
from tokenlane_worker.job import Job
from tokenlane_worker.posting import Posting
from tokenlane_worker.resume.known import Known
from tokenlane_worker.station import Station

_STREAM = Head(http_status=200, content_type=f"{events.EVENT_STREAM}; charset=utf-8")


class Answer:
    """One attempt's answer. It is the engine's `Sink`; then comes `complete`, and once the result is stored `end` or
    `point_to_result`. Events go out as they come, but for the last: a short answer is one message. `streaming` is
    called when a stream begins."""

    def __init__(self, station: Station, job: Job, queue_wait_us: int, streaming: Callable[[], None]) -> None:
        self._worker_id = station.worker_id
        self._job = job
        self._posting = Posting(station.bus, job)
        self._streaming = streaming
        self._head = Head(
            lane=job.lane,
            budget_tokens=job.budget_tokens,
            budget_output_tokens=job.request.classification.output_tokens,
            queue_wait_us=queue_wait_us,
            simulated=station.simulated,
        )
        self._held = b""
        self._ended = False
        # Readers that are ahead of this attempt, to be compared once it has come so far.
        self._ahead = [attach for attach in job.early if attach.HasField("digest") and attach.first_event]
        self._counted: Usage | None = None
        # From the request's acceptance to the first bytes of a stream. Unit: microseconds.
        self.first_data_us = 0
        self.streamed = False
        # All of the answer, from earlier attempts too.
        self.chunks: list[bytes] = []
        # Events in frames so far.
        self.events = 0
        # Events that checkpoints hold.
        self.checkpointed = 0
        self._mark = sys.maxsize
        self._passed: Callable[[int], int] | None = None

    @property
    def status(self) -> int:
        """HTTP status; 0 as long as there is none."""
        return self._head.http_status

    @property
    def begun(self) -> bool:
        """Readers have the head."""
        return self._posting.seq > 0

    @property
    def queue_wait_us(self) -> int:
        """From the request's acceptance to its submission to the engine. Unit: microseconds."""
        return self._head.queue_wait_us

    @property
    def seq(self) -> int:
        """Number of the next frame."""
        return self._posting.seq

    def known_head(self) -> Head:
        """The head, as far as it is known."""
        return self._head

    def body(self) -> bytes:
        """All of it."""
        if len(self.chunks) > 1:
            return b"".join(self.chunks)
        return self.chunks[0] if self.chunks else b""

    def watch(self, passed: Callable[[int], int]) -> None:
        """Call `passed` with the number of events sent of a stream: with none, and whenever that reaches what it
        returned last. What it raises, `data` raises."""
        self._passed = passed
        self._mark = passed(0)

    def resume(self, known: Known, checkpointed: int) -> None:
        """Go on behind what earlier attempts have shown, of which checkpoints hold `checkpointed` events."""
        head = known.head if known.head is not None else _STREAM
        self._head.http_status, self._head.content_type = head.http_status, head.content_type
        rest = events.skip(known.data, checkpointed)
        self.chunks = [known.data[: len(known.data) - len(rest)], rest]
        self.events, self.checkpointed = known.events, checkpointed
        self.streamed = True
        self._streaming()
        self._compare()

    def head(self, status: int, content_type: str) -> None:
        if self.streamed:
            return
        self._head.http_status, self._head.content_type = status, content_type
        if content_type.startswith(events.EVENT_STREAM):
            self.streamed = True
            self._streaming()

    def data(self, chunk: bytes) -> None:
        self.chunks.append(chunk)
        if not self.streamed:
            return
        if not self.first_data_us:
            self.first_data_us = max(1, time.time_ns() // 1000 - self._job.request.accepted_unix_ms * 1000)
            self._job.prefilled()
        if self._held:
            self._send(self._held)
            self._held = b""
        if chunk.endswith(events.DONE):
            self._held = chunk
            return
        self._send(chunk)
        if self.events >= self._mark and self._passed is not None:
            self._mark = self._passed(self.events)

    def complete(self) -> Usage | None:
        """What the answer took; None where the engine refused it."""
        if self._head.http_status == 200:
            body = self.body()
            estimate = self._job.request.classification.prompt_tokens
            self._counted = usage.of_stream(body, estimate) if self.streamed else usage.of_body(body)
            if (cached := usage.cached(body, self.streamed)) is not None:
                self._job.cached(*cached)
        return self._counted

    def end(self) -> None:
        """The result is stored: send the end."""
        terminal = Terminal(outcome=Outcome.OUTCOME_COMPLETED, usage=self._counted)
        data = self._held if self.streamed else self.body()
        self._posting.send(self._frame(data, terminal), self.streamed, self.fields())
        self._ended = True

    def point_to_result(self) -> None:
        """A result is stored that is not this one: readers find it there."""
        self._posting.point_to_result(self._job.listeners.framed)
        self._ended = True

    def attach(self, attach: Attach) -> None:
        """One more reader, or one that has missed something: send it what it has not, then go on."""
        subject = self._job.listeners.add(attach.inbox)
        if self._ended:
            self._posting.point_to_result((subject,))
            return
        self._ahead = [other for other in self._ahead if other.inbox != attach.inbox]
        if attach.HasField("digest") and attach.first_event:
            if attach.first_event > self.events:
                self._ahead.append(attach)
            elif self._differs(attach):
                return
        if not self.begun and not self.events:
            # Its first frame is everybody's first.
            return
        shown = min(attach.first_event, self.events)
        frame = Frame(
            attempt=self._job.attempt,
            seq=self._posting.seq,
            head=self._head,
            data=events.skip(self._sent(), shown),
            first_event=shown,
            checkpointed_events=self.checkpointed,
        )
        self._posting.catch_up(subject, frame)

    def fields(self) -> dict[str, str]:
        """What is stored beside the bytes of the result."""
        fields = result_headers(
            self._job.request.request_id,
            self._job.attempt,
            Outcome.OUTCOME_COMPLETED,
            self._head.http_status,
            self._head.content_type,
        )
        fields[headers.LANE] = self._head.lane
        fields[headers.WORKER] = self._worker_id
        fields[headers.BUDGET_TOKENS] = str(self._head.budget_tokens)
        if self._counted is not None:
            fields[headers.PROMPT_TOKENS] = str(self._counted.prompt_tokens)
            fields[headers.COMPLETION_TOKENS] = str(self._counted.completion_tokens)
        if self._head.simulated:
            fields[headers.SIMULATED] = "true"
        return fields

    def _sent(self) -> bytes:
        body = self.body()
        return body[: len(body) - len(self._held)]

    def _send(self, data: bytes) -> None:
        self._posting.send(self._frame(data, None), streamed=True)
        self.events += events.count(data)
        if self._ahead:
            self._compare()

    def _frame(self, data: bytes, terminal: Terminal | None) -> Frame:
        frame = Frame(
            attempt=self._job.attempt,
            seq=self._posting.seq,
            data=data,
            terminal=terminal,
            first_event=self.events,
            checkpointed_events=self.checkpointed,
        )
        if self._posting.seq == 0:
            frame.head.CopyFrom(self._head)
        return frame

    def _compare(self) -> None:
        reached = [attach for attach in self._ahead if attach.first_event <= self.events]
        self._ahead = [attach for attach in self._ahead if attach.first_event > self.events]
        for attach in reached:
            self._differs(attach)

    def _differs(self, attach: Attach) -> bool:
        """Whether a reader was shown something else before; then it is told, and gets nothing more."""
        body = self._sent()
        seen = body[: len(body) - len(events.skip(body, attach.first_event))]
        if events.digest(seen) == attach.digest:
            return False
        self._job.listeners.remove(attach.inbox)
        self._posting.refuse(attach.inbox)
        return True
