"""With the permissions of docs/client.md a tenant can use all of the client, and reach nothing of another tenant."""

from collections.abc import AsyncIterator
from pathlib import Path

import nats
import pytest
import structlog
from nats.errors import TimeoutError as NatsTimeoutError
from openai.types.chat import ChatCompletionUserMessageParam

from tests.support.nats_server import NatsServer
from tests.support.waiting import until
from tests.unit.client.openai_answers import TEXT, well
from tests.unit.client.worker import Job, ScriptedWorker
from tokenlane_chassis.connection import BusOptions, connect
from tokenlane_client import Client
from tokenlane_client.errors import Conflict

PAGE = (Path(__file__).parents[2] / "docs" / "client.md").read_text()
HELLO: list[ChatCompletionUserMessageParam] = [{"role": "user", "content": "Hello"}]


def allowed(tenant: str) -> tuple[list[str], list[str]]:
    """What the page lets a tenant publish and subscribe to."""
    table = PAGE[PAGE.index("With these permissions") : PAGE.index("The object store")]
    publish: list[str] = []
    subscribe: list[str] = []
    for row in table.splitlines():
        names = [part.replace("<t>", tenant) for part in row.split("`")[1::2] if "." in part]
        (subscribe if row.startswith("| subscribe") else publish).extend(names)
    return publish, subscribe


def quoted(names: list[str]) -> str:
    return "[" + ", ".join(f'"{name}"' for name in names) + "]"


def user(tenant: str) -> str:
    publish, subscribe = allowed(tenant)
    rights = f"publish: {quoted(publish)}, subscribe: {quoted(subscribe)}, allow_responses: true"
    return f"{{ user: {tenant}, password: pw, permissions: {{ {rights} }} }}"


@pytest.fixture
async def server() -> AsyncIterator[str]:
    """The address of a broker where "service" may do anything, behind it a worker that answers well."""
    users = f"users: [ {{ user: service, password: pw }}, {user('acme')}, {user('other')} ]"
    with NatsServer(authorization=users) as server:
        address = server.url.removeprefix("nats://")
        bus = await connect(BusOptions(f"nats://service:pw@{address}"), "worker", structlog.get_logger(), lambda: None)

        async def script(job: Job) -> None:
            if job.request.facts.model == "sim":
                await well(job)

        worker = await ScriptedWorker(bus, script).start()
        yield address
        await worker.stop()
        await bus.close()


async def test_a_tenant_can_use_all_of_the_client(server: str) -> None:
    async with await Client.connect(f"nats://acme:pw@{server}", "acme") as client:
        answer = await client.create(model="sim", messages=HELLO, idempotency_key="one")
        assert answer.choices[0].message.content == TEXT
        async with client.stream(model="sim", messages=HELLO) as stream:
            assert "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]) == TEXT
        handle = await client.submit(model="sim", messages=HELLO)
        assert (await client.result(handle.request_id)).choices
        with pytest.raises(Conflict):
            await client.create(model="sim", messages=[*HELLO, *HELLO], idempotency_key="one")
        waiting = await client.submit(model="waits", messages=HELLO)
        assert await client.cancel(waiting.request_id)


async def test_a_tenant_reaches_nothing_of_another(server: str) -> None:
    async with await Client.connect(f"nats://acme:pw@{server}", "acme") as client:
        mine = await client.submit(model="sim", messages=HELLO)
        await client.result(mine.request_id)
    refused: list[str] = []

    async def complain(error: Exception) -> None:
        refused.append(str(error))

    other = await nats.connect(f"nats://other:pw@{server}", inbox_prefix="_INBOX_other", error_cb=complain)
    try:
        for subject in (
            f"$JS.API.DIRECT.GET.TOKENLANE_RESULTS.results.acme.{mine.request_id}",
            "$JS.API.DIRECT.GET.TOKENLANE_RESULTS",
            "$JS.API.STREAM.MSG.GET.TOKENLANE_RESULTS",
            "requests.acme",
            "cancels.acme",
            "attach.acme",
        ):
            with pytest.raises(NatsTimeoutError):
                await other.request(subject, b"{}", timeout=0.2)
        for subject in ("replies.acme.>", "results.acme.*", "_INBOX_acme.>", ">"):
            await other.subscribe(subject)
        await until(lambda: len(refused) == 10)
    finally:
        await other.close()
    assert all("permissions violation" in each.lower() for each in refused)
