"""A new dispatcher hears from all that work before it lets anything go."""

import asyncio

import pytest

from tests.support.waiting import until
from tests.unit.classifier.conftest import MODEL, serving
from tests.unit.classifier.dispatch.test_dispatcher import Worker, wait
from tests.unit.classifier.test_service import envelope
from tokenlane.v1.line_pb2 import QueueRoom, Room, Running
from tokenlane.v1.recovery_pb2 import TenantPolicy
from tokenlane_chassis.bus import Bus, Message
from tokenlane_proto import subjects, topology


@pytest.fixture
def idle() -> bool:
    return False


async def test_what_the_last_worker_to_answer_has_counts(bus: Bus) -> None:
    await bus.put(topology.TENANT_BUCKET, "acme", TenantPolicy(tokens_in_flight=1).SerializeToString())
    async with serving(bus, idle=False):
        await bus.publish_durable("requests.acme", envelope("r1"))
        await wait(bus, 1)
    answered = asyncio.Event()

    def tell(worker: str, *running: Running) -> None:
        queue = QueueRoom(lane="short", fits="short", tokens=10_000, sequences=100)
        room = Room(worker=worker, model=MODEL, queues=[queue], running=running, whole=True)
        bus.post(subjects.LINE_ROOM, room.SerializeToString())

    def slow() -> None:
        tell("slow", Running(tenant="acme", request_id="r0", tokens=100))
        answered.set()

    def greeted(_: Message) -> None:
        tell("quick")
        asyncio.get_running_loop().call_later(0.05, slow)

    greeting = await bus.subscribe(subjects.LINE_HELLO, greeted)
    worker = Worker(bus)
    await worker.start()
    async with serving(bus, idle=False):
        await asyncio.wait_for(answered.wait(), 10)
        await bus.publish_durable("requests.other", envelope("r2"))
        await until(lambda: "r2" in worker.took, 10)
        assert worker.took == ["r2"]
        await wait(bus, 1)
    await greeting.unsubscribe()
