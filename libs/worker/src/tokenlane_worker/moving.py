"""Where a request goes on that has outgrown its engine."""

from tokenlane.v1.lane_pb2 import LaneProfile
from tokenlane_worker import at_length, overrun, usage
from tokenlane_worker.answer import Answer
from tokenlane_worker.decision import Reroute
from tokenlane_worker.job import Job
from tokenlane_worker.overrun import Tokens
from tokenlane_worker.rerouting import LaneTable
from tokenlane_worker.resume.begun import read_begun
from tokenlane_worker.resume.continuation import cut_off, read_body
from tokenlane_worker.resume.known import Known
from tokenlane_worker.resume.plan import Impossible, plan
from tokenlane_worker.resume.soundness import choices
from tokenlane_worker.station import Station


class Moving:
    """Decides on moves to longer lanes. A request moves only to strictly longer contexts, so that it ends."""

    def __init__(self, station: Station, lanes: LaneTable) -> None:
        self._station = station
        self._lanes = lanes

    @property
    def context(self) -> int:
        """Most tokens of a sequence in this engine."""
        return self._station.capacity.largest

    def too_short(self, job: Job) -> int:
        """The longest context that is known to be too short for a job, if this one is."""
        return max(self.context, job.request.too_short_tokens)

    def target(self, job: Job) -> LaneProfile | None:
        """The lane whose context is the next longer one."""
        return self._lanes.larger(job.request.facts.model, self._station.lane, self.too_short(job))

    def refused(self, job: Job, ending: bytes = b"") -> Reroute | None:
        """After an engine's refusal that says that its context is too short."""
        target = self.target(job)
        return None if target is None else Reroute(target.lane, self.too_short(job), ending=ending)

    async def behind(self, job: Job, answer: Answer, ending: bytes, body: bytes) -> Reroute | None:
        """After an answer. `ending`: the end at "length" that was kept back of a stream. None: its end is its own."""
        target = self.target(job)
        if target is None or (answer.streamed and not ending):
            return None
        limit = overrun.limit_of(job.request.endpoint, body)
        if answer.streamed:
            took = await self._streamed(job, answer, ending, limit)
        else:
            took = at_length.whole_at_length(answer.body(), max(1, job.request.facts.choices))
        if took is None or not overrun.fills(self.context, limit, took) or not _can_go_on(job, answer, body):
            return None
        if not took.exact:
            took = Tokens(self.context - took.output, took.output)
        return self._reroute(job, target, took, limit, ending)

    def ahead(self, job: Job, answer: Answer, body: bytes) -> Reroute | None:
        """In the middle of a stream. None: it has to end here."""
        target = self.target(job)
        if target is None or not _can_go_on(job, answer, body):
            return None
        took = Tokens(job.request.classification.prompt_tokens, answer.events)
        limit = overrun.limit_of(job.request.endpoint, body)
        return self._reroute(job, target, took, limit, cut_off(known_of(answer)))

    def _reroute(self, job: Job, target: LaneProfile, took: Tokens, limit: int | None, ending: bytes) -> Reroute:
        given = job.request.classification.output_tokens
        budget = overrun.budget_behind(took, limit, given, target.max_model_len)
        return Reroute(target.lane, self.too_short(job), moved=True, budget=budget, ending=ending)

    async def _streamed(self, job: Job, answer: Answer, ending: bytes, limit: int | None) -> Tokens | None:
        counted = usage.of_stream(ending, 0)
        if not counted.estimated:
            return Tokens(counted.prompt_tokens, counted.completion_tokens)
        # At least a token an event. Engines that are busy put several into one: they are counted only where it matters.
        prompt, shown = job.request.classification.prompt_tokens, answer.events + 1
        if limit is not None and not overrun.fills(self.context, None, Tokens(prompt, limit, exact=False)):
            return None
        begun = read_begun(answer.body())
        if begun is None:
            return None
        text = begun.text
        known = await self._station.engine.count_tokens(text, job.request.facts.model) if text else 0
        return Tokens(prompt, max(shown - begun.opening, (known or 0) + 1), exact=False)


def known_of(answer: Answer) -> Known:
    """What an answer has shown so far, as the next attempt finds it."""
    return Known(answer.events, answer.body(), answer.known_head())


def _can_go_on(job: Job, answer: Answer, body: bytes) -> bool:
    """Whether another engine can go on with an answer, or make it anew where nothing was shown of it."""
    asked = read_body(body)
    if not answer.streamed:
        return choices(asked) <= max(1, job.request.facts.choices)
    if choices(asked) > 1:
        return False
    return not isinstance(plan(job.request.endpoint, body, known_of(answer)), Impossible)
