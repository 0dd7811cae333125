"""Steps the scheduler in time: waits out each step, then delivers what it brought."""

import asyncio
from collections.abc import Iterable
from itertools import count

from tokenlane_fleet import Request, Scheduler, StepCost, StepOutcome
from tokenlane_worker.engine.simulated.answer import Answer
from tokenlane_worker.engine.simulated.stream import ChoiceStream

_MOST_BEHIND_S = 0.05
_NOBODY = (None, None)


class Driver:
    """Owns a scheduler and the requests in it. `run` is the one task of a simulated engine."""

    def __init__(self, scheduler: Scheduler, cost: StepCost, speed: float) -> None:
        self._scheduler = scheduler
        self._cost = cost
        self._speed = speed
        self._owners: dict[int, tuple[Answer, ChoiceStream | None]] = {}
        self._ids = count()
        self._work = asyncio.Event()

    def add(self, answer: Answer, sizes: Iterable[tuple[int, int]]) -> None:
        """Queue one sequence a choice; `sizes` are their (prompt tokens, output tokens)."""
        streams = answer.begin()
        for choice, (prompt_tokens, output_tokens) in enumerate(sizes):
            request_id = next(self._ids)
            self._scheduler.add(Request(request_id, prompt_tokens, output_tokens))
            self._owners[request_id] = (answer, streams[choice] if streams else None)
            answer.ids.append(request_id)
        self._work.set()

    def remove(self, answer: Answer) -> None:
        """Abort what is left of an answer and free its KV."""
        for request_id in answer.ids:
            if self._owners.pop(request_id, None):
                self._scheduler.abort(request_id)

    def fail_all(self, error: Exception) -> None:
        for answer in {id(answer): answer for answer, _ in self._owners.values()}.values():
            answer.fail(error)

    async def run(self) -> None:
        """Until cancelled."""
        clock = asyncio.get_running_loop().time
        due = clock()
        while True:
            if not self._scheduler.has_work():
                self._work.clear()
                await self._work.wait()
                due = clock()
            outcome = self._scheduler.step()
            now = clock()
            due = max(due, now - _MOST_BEHIND_S) + self._cost.seconds(outcome.batch) / self._speed
            await asyncio.sleep(max(0.0, due - now))
            self._deliver(outcome)

    def _deliver(self, outcome: StepOutcome) -> None:
        """Requests aborted during the step have no owner any more."""
        touched: dict[int, Answer] = {}
        owners = self._owners
        for request_id in outcome.emitted:
            answer, stream = owners.get(request_id, _NOBODY)
            if answer is not None and stream is not None:
                answer.write(stream.next())
                touched[id(answer)] = answer
        for request_id in outcome.finished:
            owner = owners.pop(request_id, None)
            if owner is not None:
                owner[0].end_choice()
                touched[id(owner[0])] = owner[0]
        for served in touched.values():
            _flush(served)


def _flush(answer: Answer) -> None:
    """A sink that breaks ends its own request and no other."""
    try:
        answer.flush()
    except Exception as error:
        answer.fail(error)
