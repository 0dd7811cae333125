"""Usage events as rows of a trace. Pure."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated

import msgspec

from tokenlane.v1.reply_pb2 import UsageEvent
from tokenlane.v1.request_pb2 import Endpoint

# Events come in the order in which requests ended. How many are held back to bring them into that of their acceptance.
HELD_ROWS = 65_536


# What any count or time of a row can be; also for rows that are read back.
Amount = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
# The year 9999. Unit: milliseconds since the Unix epoch.
LATEST_MS = 253_370_764_800_000
Moment = Annotated[int, msgspec.Meta(ge=1, le=LATEST_MS)]

_ENDPOINTS = {Endpoint.ENDPOINT_CHAT_COMPLETIONS: "chat", Endpoint.ENDPOINT_COMPLETIONS: "completions"}


class Row(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line of the file. `timestamp`: milliseconds since the Unix epoch, when the door accepted the request; lengths
    in tokens. All after `lane` is left out where it is empty or 0.

    `lane` is the one of the worker that ran the request, `waited_in` the one that it waited in last, where that is
    another. `system` and `tools` are hashes. The budget: `prompt_budget` and `output_budget`, and
    `typical_output`, by which the lane was chosen, in tokens. `engine_preemptions`: of `worker`'s engine since it
    started.
    """

    timestamp: Moment
    input_length: Amount
    output_length: Amount
    tenant: str
    model: str
    lane: str
    estimated: bool = False
    endpoint: str = ""
    system: str = ""
    tools: str = ""
    max_output: Amount = 0
    prompt_budget: Amount = 0
    output_budget: Amount = 0
    typical_output: Amount = 0
    waited_in: str = ""
    queue_wait_us: Amount = 0
    first_data_us: Amount = 0
    worker: str = ""
    engine_preemptions: Amount = 0
    moved: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is recorded. Empty: any. `counted_only`: not what the engine did not count."""

    since_unix_ms: int = 0
    model: str = ""
    counted_only: bool = False


@dataclass(slots=True)
class Recorded:
    """How many rows were written, how many of them have estimated lengths, and how many events were left out because
    their lengths are estimated, or because they say too little."""

    rows: int = 0
    estimated: int = 0
    left_out: int = 0
    unreadable: int = 0


def row_of(tenant: str, event: UsageEvent, wanted: Wanted, recorded: Recorded) -> Row | None:
    """The event's row, or None where it is not wanted; counted in `recorded`."""
    if wanted.model not in ("", event.model):
        return None
    if not 0 < event.accepted_unix_ms <= LATEST_MS:
        recorded.unreadable += 1
        return None
    if event.accepted_unix_ms < wanted.since_unix_ms:
        return None
    if event.usage.estimated and wanted.counted_only:
        recorded.left_out += 1
        return None
    recorded.rows += 1
    recorded.estimated += event.usage.estimated
    facts, given, usage = event.facts, event.classification, event.usage
    return Row(
        timestamp=event.accepted_unix_ms,
        input_length=usage.prompt_tokens,
        output_length=usage.completion_tokens,
        tenant=tenant,
        model=event.model,
        lane=event.lane,
        estimated=usage.estimated,
        endpoint=_ENDPOINTS.get(event.endpoint, ""),
        system=_hash(facts.system_hash),
        tools=_hash(facts.tools_hash),
        max_output=facts.max_output_tokens,
        prompt_budget=given.prompt_tokens or event.estimated_prompt_tokens,
        output_budget=given.output_tokens or event.budget_output_tokens,
        typical_output=given.typical_output_tokens,
        waited_in=given.lane if given.lane != event.lane else "",
        queue_wait_us=event.queue_wait_us,
        first_data_us=event.first_data_us,
        worker=event.worker,
        engine_preemptions=event.engine_preemptions,
        moved=event.moved,
    )


def _hash(number: int) -> str:
    return f"{number:016x}" if number else ""


@dataclass(slots=True)
class ByAcceptance:
    """Brings rows into the order of their acceptance, as far as `held_rows` allow. What comes later still stays where
    it came: readers of traces sort as much again."""

    held_rows: int = HELD_ROWS
    _heap: list[tuple[int, int, Row]] = field(default_factory=list)
    _taken: int = 0

    def take(self, row: Row) -> Row | None:
        """The next row in, and perhaps one out."""
        self._taken += 1
        entry = (row.timestamp, self._taken, row)
        if len(self._heap) < self.held_rows:
            heapq.heappush(self._heap, entry)
            return None
        return heapq.heappushpop(self._heap, entry)[2]

    def rest(self) -> Iterator[Row]:
        """What is left."""
        while self._heap:
            yield heapq.heappop(self._heap)[2]
