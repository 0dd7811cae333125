"""Tenants that ask for more than they may take, while a worker and the dispatcher are killed."""

import asyncio
import itertools
import json
import signal
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx
import nats
from nats.aio.client import Client
from nats.aio.msg import Msg

from tests.support.fleet import MODEL, PACED, Fleet, FleetConfig
from tests.support.member import Member
from tests.support.waiting import until
from tokenlane.v1.recovery_pb2 import TenantPolicy
from tokenlane.v1.reply_pb2 import Frame, Outcome, UsageEvent
from tokenlane.v1.request_pb2 import Request
from tokenlane_cli.stack.machine import free_ports
from tokenlane_proto import openai_body, subjects, topology

# What the tenants may take: budgets that run at a time, tokens a minute, anything.
CAPPED, METERED, FREE = "capped", "metered", "free"
IN_FLIGHT, PER_MINUTE = 4_000, 1_500
_POLICIES = {CAPPED: TenantPolicy(tokens_in_flight=IN_FLIGHT), METERED: TenantPolicy(tokens_per_minute=PER_MINUTE)}
# So many requests of each are on their way all the time.
_EACH = {CAPPED: 40, METERED: 4, FREE: 4}
_REFUSED = "tokens_per_minute_exceeded"
# A dispatcher writes buckets down this often; what was taken since is forgotten with it.
_KEPT_S = 1.5
# An end is heard of here this much later than by the dispatcher at most.
_HEARD_S = 0.1


@dataclass(slots=True)
class Ran:
    """A request. Times in seconds since the Unix epoch; 0: not yet. `begun_s`: its last attempt."""

    tenant: str
    sent_s: float
    begun_s: float = 0.0
    ended_s: float = 0.0
    budget: int = 0
    used: int = 0
    ends: int = 0
    times_used: int = 0
    error: str = ""


@dataclass(slots=True)
class Capped:
    """What came of it. `doubled`: used engines twice, by what was told. `redelivered`: of the killed worker, ended
    by another one. `most_in_flight`: budgets of the capped tenant that ran at one time. `used` and `allowed`: tokens of
    the metered one."""

    requests: int = 0
    refused: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    redelivered: int = 0
    most_in_flight: int = 0
    used: int = 0
    allowed: float = 0.0


class TwoClassifiers(Fleet):
    """One of them dispatches."""

    def __init__(self, config: FleetConfig) -> None:
        super().__init__(config)
        spec = self._service("classifier-2", "classifier", config.classifier, free_ports(1)[0], self._lanes())
        self.members[spec.name] = Member(spec, self.directory)

    async def dispatcher(self) -> Member | None:
        """Whoever says so."""
        async with httpx.AsyncClient(timeout=2, trust_env=False) as http:
            for member in self.with_role("classifier"):
                try:
                    text = (await http.get(member.spec.metrics_url)).text
                except httpx.HTTPError:
                    continue
                if "tokenlane_dispatches 1.0" in text:
                    return member
        return None


class Clients:
    """Of each tenant as many requests as told are on their way; who is refused comes again when it is told to."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._numbers = itertools.count(1)
        self._tasks: set[asyncio.Task[None]] = set()
        self.sends = {CAPPED, METERED, FREE}
        self.ran: dict[str, Ran] = {}

    async def start(self) -> None:
        """Hear all that is said, and send the first ones."""
        await self._client.subscribe("replies.*.capped.>", cb=self._answered)
        await self._client.subscribe(topology.ALL_USAGE, cb=self._used)
        for tenant in _EACH:
            await self.go_on(tenant)

    async def go_on(self, tenant: str) -> None:
        """Send as many as are missing."""
        self.sends.add(tenant)
        for _ in range(_EACH[tenant] - len(self.open(tenant))):
            await self._send(tenant)

    def open(self, tenant: str) -> list[Ran]:
        """Those that have not ended."""
        return [ran for ran in self.ran.values() if ran.tenant == tenant and not ran.ends]

    def ended(self, tenant: str) -> list[Ran]:
        """Those that were served."""
        return [ran for ran in self.ran.values() if ran.tenant == tenant and ran.ends and not ran.error]

    async def stop(self) -> None:
        """Send no more, and return when all has ended."""
        self.sends.clear()
        for task in self._tasks:
            task.cancel()
        await until(lambda: not any(self.open(tenant) for tenant in _EACH), 30, 0.05)

    async def _send(self, tenant: str) -> None:
        request_id = f"r{next(self._numbers)}"
        fields = {"messages": [{"role": "user", "content": f"{request_id} " + "and a river " * 20}], "max_tokens": 80}
        body = json.dumps({"model": MODEL, "stream": True, "ignore_eos": True, **fields}).encode()
        endpoint, facts = openai_body.read_facts(body)
        self.ran[request_id] = Ran(tenant, time.time())
        request = Request(
            request_id=request_id,
            endpoint=endpoint,
            facts=facts,
            body=body,
            reply_inbox=f"capped.{request_id}",
            accepted_unix_ms=time.time_ns() // 1_000_000,
        )
        await self._client.jetstream().publish(subjects.requests(tenant), request.SerializeToString())

    async def _answered(self, message: Msg) -> None:
        frame, ran = Frame.FromString(message.data), self.ran[message.subject.rsplit(".", 1)[1]]
        if not frame.HasField("terminal"):
            return
        ran.ends += 1
        if ran.ends > 1:
            # Its worker was killed between the end and the acknowledgement: the next one says it again.
            return
        if frame.terminal.outcome != Outcome.OUTCOME_COMPLETED:
            ran.error = frame.terminal.code or frame.terminal.reason
        task = asyncio.create_task(self._next(ran.tenant, frame.terminal.retry_after_ms / 1_000))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _next(self, tenant: str, after_s: float) -> None:
        await asyncio.sleep(after_s)
        if tenant in self.sends:
            await self._send(tenant)

    async def _used(self, message: Msg) -> None:
        event = UsageEvent.FromString(message.data)
        ran, given = self.ran[event.request_id], event.classification
        ran.times_used += 1
        ran.begun_s = event.accepted_unix_ms / 1_000 + event.queue_wait_us / 1e6
        ran.ended_s = time.time()
        ran.budget = given.prompt_tokens + given.output_tokens
        ran.used = event.usage.prompt_tokens + event.usage.completion_tokens


async def capped() -> Capped:
    """Kill a worker, wait until another one has finished what it had; kill the dispatcher, wait for the next one."""
    fleet = TwoClassifiers(FleetConfig(ingresses=0, lanes=("short",), engine=PACED))
    async with fleet:
        await until(lambda: _dispatches(fleet), 10, 0.05)
        client = await nats.connect(fleet.nats_url, max_reconnect_attempts=-1)
        bucket = await client.jetstream().key_value(topology.TENANT_BUCKET)
        for tenant, policy in _POLICIES.items():
            await bucket.put(tenant, policy.SerializeToString())
        clients, began_s = Clients(client), time.time()
        await clients.start()
        await _more(clients, CAPPED, 20)
        lost = await _kill_worker(fleet, clients)
        killed_s = await _kill_dispatcher(fleet, clients)
        await _more(clients, CAPPED, 20)
        await clients.stop()
        ended_s = time.time()
        await client.close()
    return _found(clients, lost, killed_s, began_s, ended_s)


async def _dispatches(fleet: TwoClassifiers) -> bool:
    return await fleet.dispatcher() is not None


async def _more(clients: Clients, tenant: str, count: int) -> None:
    wanted = len(clients.ended(tenant)) + count
    await until(lambda: len(clients.ended(tenant)) >= wanted, 30, 0.02)


async def _kill_worker(fleet: Fleet, clients: Clients) -> list[Ran]:
    """Those that were on their way then, all of which have ended."""
    before = [ran for tenant in _EACH for ran in clients.open(tenant)]
    fleet.with_role("worker-short")[0].send(signal.SIGKILL)
    await until(lambda: all(ran.ends for ran in before), 40, 0.05)
    return before


async def _kill_dispatcher(fleet: TwoClassifiers, clients: Clients) -> float:
    """When, in seconds since the Unix epoch. Without one there are no limits: tenants that have some pause."""
    clients.sends -= {CAPPED, METERED}

    async def nothing_in_hand() -> bool:
        return await fleet.metric("tokenlane_classifier_in_flight", "classifier") == 0

    await until(nothing_in_hand, 10, 0.02)
    dispatcher = await fleet.dispatcher()
    assert dispatcher is not None
    starts = dispatcher.starts
    dispatcher.send(signal.SIGKILL)
    killed_s = time.time()

    async def is_replaced() -> bool:
        found = await fleet.dispatcher()
        return found is not None and (found is not dispatcher or found.starts > starts)

    await until(is_replaced, 20, 0.05)
    for tenant in (CAPPED, METERED):
        await clients.go_on(tenant)
    return killed_s


def _found(clients: Clients, lost: list[Ran], killed_s: float, began_s: float, ended_s: float) -> Capped:
    capped = clients.ended(CAPPED)
    metered = clients.ended(METERED)
    refused = Counter(ran.error for ran in clients.ran.values())[_REFUSED]
    # What the next dispatcher does not know.
    forgotten = sum(ran.used for ran in metered if killed_s - _KEPT_S < ran.sent_s <= killed_s)
    return Capped(
        requests=len(clients.ran),
        refused=refused,
        lost=[name for name, ran in clients.ran.items() if not ran.ends],
        doubled=[name for name, ran in clients.ran.items() if ran.times_used > 1],
        failed=[ran.error for ran in clients.ran.values() if ran.error not in ("", _REFUSED)],
        redelivered=sum(ran.begun_s - ran.sent_s > 9 for ran in lost),
        most_in_flight=max(_in_flight(capped)),
        used=sum(ran.used for ran in metered),
        allowed=PER_MINUTE * (1 + (ended_s - began_s) / 60) + forgotten,
    )


def _in_flight(ran: list[Ran]) -> Iterator[int]:
    """The sum of budgets whenever one begins."""
    changes = [(one.begun_s, one.budget) for one in ran]
    changes += [(max(one.begun_s, one.ended_s - _HEARD_S), -one.budget) for one in ran]
    return itertools.accumulate(change for _, change in sorted(changes))
