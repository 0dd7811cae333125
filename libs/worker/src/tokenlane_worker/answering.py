"""Having an engine answer a request, from wherever its answer stands, as far as the engine's context goes."""

import asyncio
from collections.abc import Callable

from tokenlane_worker import decision, overrun
from tokenlane_worker.answer import Answer
from tokenlane_worker.at_length import LengthHeld
from tokenlane_worker.checkpointing import Checkpoints
from tokenlane_worker.decision import Completed, Verdict
from tokenlane_worker.engine.protocol import Sink
from tokenlane_worker.job import Job
from tokenlane_worker.moving import Moving
from tokenlane_worker.recovery import Found
from tokenlane_worker.rerouting import LaneTable, says_too_short
from tokenlane_worker.resume.attempt import go_on
from tokenlane_worker.resume.continuation import cut_off
from tokenlane_worker.resume.plan import Continue, Finished, Impossible, Regenerate, Restart, plan
from tokenlane_worker.resume.sinks import DivergedError, RegeneratedSink
from tokenlane_worker.station import Station

# Tells that a request takes more KV tokens than it was counted for.
Grow = Callable[[Job, int], None]


class _OutgrownError(Exception):
    """The stream is to move now. `reroute`: where to."""

    def __init__(self, reroute: decision.Reroute) -> None:
        super().__init__(reroute.lane)
        self.reroute = reroute


class Answering:
    """Answers requests by one engine."""

    def __init__(self, station: Station, lanes: LaneTable, grow: Grow) -> None:
        self._station = station
        self._moving = Moving(station, lanes)
        self._grow = grow

    async def answer(self, job: Job, queue_wait_us: int, body: bytes, found: Found) -> Verdict:
        """Answer a request, and say what is to become of it. Raises as Engine.generate, and DivergedError."""
        answer = self._answer(job, queue_wait_us, body)
        held = LengthHeld(answer)
        try:
            verdict = await self._go_on(job, answer, held, body, found)
        except _OutgrownError as outgrown:
            return outgrown.reroute
        except DivergedError as error:
            return self._diverged(job, answer, found, error)
        if not isinstance(verdict, Completed):
            return verdict
        reroute = await self._moving.behind(job, answer, held.ending, body)
        if reroute is None:
            held.release()
            return verdict
        return reroute

    def _answer(self, job: Job, queue_wait_us: int, body: bytes) -> Answer:
        def streaming() -> None:
            job.checkpoints = Checkpoints(self._station.bus, job, answer)
            job.checkpoints.begin()

        answer = job.answer = Answer(self._station, job, queue_wait_us, streaming)
        self._watch(job, answer, body)
        return answer

    def _watch(self, job: Job, answer: Answer, body: bytes) -> None:
        """Look again when the stream is longer than its budget, and when it is to move."""
        given, most = job.request.classification, self._station.overrun_tokens
        moves_at = max(1, most + 1 - given.prompt_tokens) if most else 0

        def passed(shown: int) -> int:
            nonlocal moves_at
            mark = overrun.next_mark(given.output_tokens, shown)
            if mark > given.output_tokens:
                self._grow(job, given.prompt_tokens + mark)
            if moves_at and shown >= moves_at:
                reroute = self._moving.ahead(job, answer, body)
                if reroute is not None:
                    raise _OutgrownError(reroute)
                moves_at = 0
            return min(mark, moves_at) if moves_at else mark

        answer.watch(passed)

    async def _go_on(self, job: Job, answer: Answer, sink: Sink, body: bytes, found: Found) -> Verdict:
        known = found.known
        match plan(job.request.endpoint, body, known):
            case Restart():
                return await self._run(job, answer, sink, body)
            case Continue() as going_on:
                answer.resume(known, found.checkpointed)
                return await self._continue(job, sink, body, found, going_on)
            case Regenerate():
                answer.resume(known, found.checkpointed)
                await self._generate(job, body, RegeneratedSink(sink, known))
                return Completed()
            case Finished(closing):
                return _close(answer, found, closing)
            case Impossible(reason):
                return await self._run(job, answer, sink, body) if found.unseen else decision.interrupted(reason)

    async def _run(self, job: Job, answer: Answer, sink: Sink, body: bytes) -> Verdict:
        await self._generate(job, body, sink)
        if answer.status >= 400 and says_too_short(answer.status, answer.body()):
            return self._moving.refused(job) or Completed()
        return Completed()

    async def _continue(self, job: Job, sink: Sink, body: bytes, found: Found, going_on: Continue) -> Verdict:
        engine, model = self._station.engine, job.request.facts.model
        await go_on(
            going_on,
            found.known,
            job.request.endpoint,
            body,
            sink,
            generate=lambda rest, sink: self._generate(job, rest, sink),
            count_tokens=lambda text: engine.count_tokens(text, model),
        )
        return Completed()

    async def _generate(self, job: Job, body: bytes, sink: Sink) -> None:
        if job.stopped is not None:
            # A cancellation can be swallowed by what was awaited before.
            raise asyncio.CancelledError
        body = self._station.for_engine(job.lane, body)
        await self._station.engine.generate(job.path, body, sink, job.request.request_id)

    def _diverged(self, job: Job, answer: Answer, found: Found, error: DivergedError) -> Verdict:
        """Where the engine's context ends, so does the answer: here if there is no longer one, there if what was shown
        cannot be made again. Raises `error` otherwise."""
        ending = cut_off(found.known)
        if error.too_short:
            reroute = self._moving.refused(job, ending)
            if reroute is not None:
                return reroute
        elif not job.request.moved:
            raise error
        if not ending:
            raise error
        answer.data(ending)
        return Completed()


def _close(answer: Answer, found: Found, closing: bytes) -> Verdict:
    """Nothing is left to generate."""
    answer.resume(found.known, found.checkpointed)
    if closing:
        answer.data(closing)
    return Completed()
