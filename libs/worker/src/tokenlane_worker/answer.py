"""The way back: an engine's bytes become numbered frames at the reply inbox, and one stored result."""

from tokenlane.v1.reply_pb2 import Frame, Head, Outcome, Terminal, Usage
from tokenlane.v1.request_pb2 import ReplyFormat
from tokenlane_chassis.bus import Bus
from tokenlane_chassis.errors import MessageTooLargeError
from tokenlane_chassis.results import result_headers
from tokenlane_proto import headers, subjects
from tokenlane_worker import usage
from tokenlane_worker.job import Job

_SSE = "text/event-stream"
_END_OF_STREAM = b"data: [DONE]\n\n"


class Answer:
    """One attempt's answer. It is the engine's `Sink`; then come `end` and `store`. Frames go out as the bytes arrive,
    but for the last: a short answer is one message."""

    def __init__(self, bus: Bus, job: Job, lane: str, simulated: bool, queue_wait_us: int) -> None:
        self._bus = bus
        self._job = job
        self._plain = job.request.reply_format == ReplyFormat.REPLY_FORMAT_PLAIN
        inbox = job.request.reply_inbox
        self._inbox = subjects.reply(job.tenant, inbox) if inbox else None
        self._head = Head(lane=lane, budget_tokens=job.budget_tokens, queue_wait_us=queue_wait_us, simulated=simulated)
        self._chunks: list[bytes] = []
        self._last = b""
        self._body = b""
        self._counted: Usage | None = None
        # Number of the next frame.
        self.seq = 0
        self.too_large = False

    def head(self, status: int, content_type: str) -> None:
        self._head.http_status = status
        self._head.content_type = content_type

    def data(self, chunk: bytes) -> None:
        self._chunks.append(chunk)
        if self._last:
            self._send(self._last, None)
            self._last = b""
        if self._streamed and not chunk.endswith(_END_OF_STREAM):
            self._send(chunk, None)
        else:
            self._last = chunk

    def end(self) -> Usage | None:
        """Send the end, and return what the answer took: None where the engine refused it."""
        self._body = b"".join(self._chunks)
        self._counted = self._usage(self._body)
        self._send(self._last, Terminal(outcome=Outcome.OUTCOME_COMPLETED, usage=self._counted))
        self._last = b""
        return self._counted

    async def store(self) -> None:
        """Store the result; the first one stored for a request stays. Raises BusError when it could not be stored."""
        request = self._job.request
        fields = self._result_headers()
        fields[headers.MSG_ID] = f"{self._job.tenant}.{request.request_id}"
        await self._bus.publish_durable(subjects.result(self._job.tenant, request.request_id), self._body, fields)

    @property
    def _streamed(self) -> bool:
        return self._head.content_type.startswith(_SSE)

    def _usage(self, body: bytes) -> Usage | None:
        if self._head.http_status != 200:
            return None
        if self._streamed:
            return usage.of_stream(body, self._job.request.classification.prompt_tokens)
        return usage.of_body(body)

    def _send(self, data: bytes, terminal: Terminal | None) -> None:
        if self._inbox is not None:
            try:
                self._post(self._inbox, data, terminal)
            except MessageTooLargeError:
                self.too_large = True
                return
        self.seq += 1

    def _post(self, inbox: str, data: bytes, terminal: Terminal | None) -> None:
        if self._plain:
            self._bus.post(inbox, data, self._part_headers() if terminal is None else self._last_part_headers())
            return
        frame = Frame(attempt=self._job.delivery.attempt, seq=self.seq, data=data, terminal=terminal)
        if self.seq == 0:
            frame.head.CopyFrom(self._head)
        self._bus.post(inbox, frame.SerializeToString())

    def _part_headers(self) -> dict[str, str]:
        return {
            headers.REQUEST_ID: self._job.request.request_id,
            headers.ATTEMPT: str(self._job.delivery.attempt),
            headers.SEQ: str(self.seq),
        }

    def _last_part_headers(self) -> dict[str, str]:
        return {**self._result_headers(), headers.SEQ: str(self.seq)}

    def _result_headers(self) -> dict[str, str]:
        fields = result_headers(
            self._job.request.request_id,
            self._job.delivery.attempt,
            Outcome.OUTCOME_COMPLETED,
            self._head.http_status,
            self._head.content_type,
        )
        fields[headers.LANE] = self._head.lane
        if self._counted is not None:
            fields[headers.PROMPT_TOKENS] = str(self._counted.prompt_tokens)
            fields[headers.COMPLETION_TOKENS] = str(self._counted.completion_tokens)
        if self._head.simulated:
            fields[headers.SIMULATED] = "true"
        return fields
