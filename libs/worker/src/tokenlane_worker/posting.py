"""Sending frames to those who hear an answer, each in the form it wants and cut to what a message holds."""

from collections.abc import Iterable, Mapping

from tokenlane.v1.reply_pb2 import Frame, Outcome, Terminal
from tokenlane_chassis.bus import Bus
from tokenlane_chassis.errors import MessageTooLargeError
from tokenlane_chassis.results import Result
from tokenlane_proto import events, headers, subjects, topology
from tokenlane_worker.framing import parts
from tokenlane_worker.job import Job

# Beyond the end of any answer: no reader has shown so much, so each looks for the stored result.
_ELSEWHERE = 2**32 - 1
_COMPLETED = Terminal(outcome=Outcome.OUTCOME_COMPLETED)
_DIVERGED = Terminal(
    outcome=Outcome.OUTCOME_FAILED,
    reason="The answer differs from what was shown of it before. Ask anew, under another key.",
    http_status=409,
    error_type="invalid_request_error",
    code="stream_diverged",
)


class Posting:
    """Sends the frames of one attempt. What no message holds is left out: frames tell their place in the answer, so
    readers notice, and take it from the stored result."""

    def __init__(self, bus: Bus, job: Job) -> None:
        self._bus = bus
        self._job = job
        # Number of the next frame.
        self.seq = 0

    def send(self, frame: Frame, streamed: bool, last: Mapping[str, str] | None = None) -> None:
        """To everybody. `last`: the headers that end a plain answer."""
        listeners = self._job.listeners
        if listeners.framed:
            self._post(listeners.framed, frame, streamed)
        if listeners.plain is not None:
            self._plain(listeners.plain, frame.data, last)
        self.seq += 1

    def catch_up(self, subject: str, frame: Frame) -> None:
        """A part of a stream, to one reader."""
        self._post((subject,), frame, streamed=True)

    def point_to_result(self, receivers: tuple[str, ...]) -> None:
        """Tell readers of frames that a result is stored."""
        frame = Frame(attempt=self._job.attempt, seq=self.seq, terminal=_COMPLETED, first_event=_ELSEWHERE)
        self._post(receivers, frame, streamed=False)

    def refuse(self, inbox: str) -> None:
        """Tell one reader that its answer is another one."""
        frame = Frame(attempt=self._job.attempt, seq=self.seq, terminal=_DIVERGED)
        self._post((subjects.reply(self._job.tenant, inbox),), frame, streamed=False)

    def resend(self, inbox: str, result: Result) -> None:
        """Send a stored result to a plain inbox: all of it, or only its end where it was streamed, since parts of it
        were shown."""
        streamed = result.headers.get(headers.CONTENT_TYPE, "").startswith(events.EVENT_STREAM)
        fields = {name: value for name, value in result.headers.items() if not name.startswith("Nats-")}
        self._plain(inbox, b"" if streamed else result.body, fields)

    def _post(self, receivers: tuple[str, ...], frame: Frame, streamed: bool) -> None:
        encoded = frame.SerializeToString()
        try:
            for receiver in receivers:
                self._bus.post(receiver, encoded)
        except MessageTooLargeError:
            for piece in self._pieces(frame, streamed):
                self._post(receivers, piece, streamed)

    def _pieces(self, frame: Frame, streamed: bool) -> Iterable[Frame]:
        """A frame that no message holds, as several."""
        most = self._bus.max_payload - topology.ENVELOPE_OVERHEAD_BYTES
        head = frame.head if frame.HasField("head") else None
        for first_event, data in parts(frame.data, frame.first_event, most) if streamed else ():
            if len(data) <= most:
                yield Frame(
                    attempt=frame.attempt,
                    seq=frame.seq,
                    head=head,
                    data=data,
                    first_event=first_event,
                    checkpointed_events=frame.checkpointed_events,
                )
                head = None
        if frame.HasField("terminal"):
            end = frame.first_event + events.count(frame.data) if streamed else 0
            yield Frame(attempt=frame.attempt, seq=frame.seq, terminal=frame.terminal, first_event=end)

    def _plain(self, subject: str, data: bytes, last: Mapping[str, str] | None) -> None:
        fields = dict(last) if last is not None else self._part_fields()
        fields[headers.SEQ] = str(self.seq)
        try:
            self._bus.post(subject, data, fields)
        except MessageTooLargeError:
            # The bytes are in the stored result.
            self._bus.post(subject, b"", fields)

    def _part_fields(self) -> dict[str, str]:
        return {headers.REQUEST_ID: self._job.request.request_id, headers.ATTEMPT: str(self._job.attempt)}
