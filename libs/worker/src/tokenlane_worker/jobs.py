"""The jobs that are here, found by their request."""

from collections.abc import Iterator

from tokenlane_worker.held import Held
from tokenlane_worker.job import Job

Key = tuple[str, str]

_CANCELLED_KEPT = 65_536


class Jobs:
    """Jobs from their delivery until they are settled, those that wait for room included; and the cancellations of
    requests that may come here later."""

    def __init__(self) -> None:
        # Waiting for room in the engine.
        self.held: Held[Job] = Held()
        # With the engine. One request has one job here.
        self.running: set[Job] = set()
        self._here: dict[Key, Job] = {}
        self._cancelled: dict[Key, int] = {}

    def __iter__(self) -> Iterator[Job]:
        return iter(list(self._here.values()))

    def find(self, key: Key) -> Job | None:
        """The job of a request."""
        return self._here.get(key)

    def add(self, job: Job) -> None:
        """A job arrived, in the place of one of the same request that is being stopped."""
        self._here[job.key] = job

    def remove(self, job: Job) -> None:
        """A job is settled."""
        if self._here.get(job.key) is job:
            del self._here[job.key]

    def remember_cancelled(self, key: Key, now_ms: int) -> None:
        """A request was cancelled that may wait in the lane. Of an id that is used again, only what was accepted before
        is meant."""
        self._cancelled.pop(key, None)
        self._cancelled[key] = now_ms
        if len(self._cancelled) > _CANCELLED_KEPT:
            del self._cancelled[next(iter(self._cancelled))]

    def was_cancelled(self, job: Job) -> bool:
        """Whether a job's request was cancelled before it came here."""
        return job.request.accepted_unix_ms <= self._cancelled.get(job.key, -1)
