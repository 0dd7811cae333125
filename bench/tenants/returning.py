"""Three times what the fleet does, from clients that come again when they are told: who is let in then, and whether the
engines have work meanwhile."""

import asyncio
import random
from dataclasses import dataclass

from bench.tenants.arrivals import poisson
from bench.tenants.busy import Busy
from bench.tenants.fleets import capacity, engine, running, set_policies
from bench.tenants.load import Load, Sent
from bench.tenants.requests import Kind
from tests.support.waiting import until
from tokenlane.v1.recovery_pb2 import TenantPolicy

TIMES = 3
ACCEPTED_BAR, IDLE_BAR = 0.95, 0.02
_ENGINE, _SEQUENCES, _WORKERS = engine(0.5, 16), 32, 2
_KIND = Kind((40, 120), (4, 32), streamed=False)
# Longest time to first token that every tenant asks for.
_LIMIT_MS = 1_000
# A client comes so much later than it is told at most.
_SLOW_S = 0.2
# The fleet is not full before.
_FILLED_S = 2.0
# At the end, those are left who were told the latest times; nobody fills the gaps between them.
_MOSTLY = 0.95


@dataclass(frozen=True, slots=True)
class Returning:
    """`came`: requests that came again for the first time, of which `let_in` were. `most`: how often one came until it
    was let in. `settled_s`: from the first request to the last one that was let in. `idle`: part of the time until 95 %
    were let in, in which an engine had no request at all; `idle_to_end`: until all were. `failed`: ended with another
    error. `late_s`: how late one was sent at most."""

    tenants: int
    capacity: float
    sent: int
    came: int
    let_in: int
    most: int
    settled_s: float
    idle: float
    idle_to_end: float
    failed: int
    late_s: float

    @property
    def accepted(self) -> float:
        """Part of those that came again that were let in."""
        return self.let_in / self.came if self.came else 1.0


class Obedient:
    """Clients that send again what was refused, when they were told to."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._chance = random.Random(1)
        self._tasks: set[asyncio.Task[None]] = set()
        self.tries: dict[tuple[str, int], list[Sent]] = {}

    @property
    def waiting(self) -> int:
        """Those that will come again."""
        return len(self._tasks)

    async def ended(self, sent: Sent) -> None:
        """What became of a request."""
        self.tries.setdefault((sent.tenant, sent.number), []).append(sent)
        if sent.retry_s == sent.retry_s:
            task = asyncio.create_task(self._again(sent))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _again(self, sent: Sent) -> None:
        await asyncio.sleep(sent.retry_s + self._chance.random() * _SLOW_S)
        await self._load.send(sent.tenant, sent.number)


async def returning(count: int, seconds: float) -> Returning:
    """For so long `TIMES` as much is asked for as the fleet does; then nothing new, until all are served."""
    tenants = [f"t{number}" for number in range(count)]
    async with running(_ENGINE, _KIND, _WORKERS) as (_, client, load):
        most = await capacity(load, 4 * _SEQUENCES)
        await set_policies(client, dict.fromkeys(tenants, TenantPolicy(ttft_limit_ms=_LIMIT_MS)))
        busy = Busy(load)
        await busy.listen(client)
        clients, began_s = Obedient(load), load.now_s
        load.on_end = clients.ended
        await load.play(poisson(dict.fromkeys(tenants, TIMES * most / count), seconds))
        await until(lambda: not load.open and not clients.waiting, 600, 0.1)
    tries = list(clients.tries.values())
    again = [each[1] for each in tries if len(each) > 1]
    in_s = sorted(each[-1].sent_s for each in tries)
    mostly_s, ended_s = in_s[int(_MOSTLY * len(in_s))], in_s[-1]
    return Returning(
        count,
        most,
        len(tries),
        len(again),
        sum(sent.retry_s != sent.retry_s for sent in again),
        max(map(len, tries)),
        ended_s - began_s,
        busy.idle(began_s + _FILLED_S, mostly_s),
        busy.idle(began_s + _FILLED_S, ended_s),
        sum(bool(each[-1].error) for each in tries),
        load.late_s,
    )
