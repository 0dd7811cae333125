"""Fuzzed HTTP bodies and bus messages: no crash, nothing stuck, no reconnect, flat memory, and service afterwards."""

import json
from collections.abc import AsyncIterator

import pytest

from tests.fuzz import bus_fire, generate, http_fire
from tests.fuzz.health import Vitals, vitals
from tests.fuzz.http_fire import Shot
from tests.support.fleet import INSTANT, MODEL, Fleet, FleetConfig, api_key

TENANT = "calm"
HTTP_SHOTS = 50_000
BUS_MESSAGES = 50_000
ROUNDS = 5
MAX_PAYLOAD = 1024 * 1024
MAX_BODY = 4 * 1024 * 1024
# A process that keeps something of each message would grow by several times this. Unit: MiB.
FLAT_MIB = 24
PATHS = ("/v1/chat/completions", "/v1/completions")


@pytest.fixture
async def fleet() -> AsyncIterator[Fleet]:
    config = FleetConfig(
        ingresses=1,
        workers=1,
        engine=INSTANT,
        max_payload=MAX_PAYLOAD,
        settings={"MAX_BODY_BYTES": str(MAX_BODY), "REQUEST_TIMEOUT_S": "30"},
    )
    async with Fleet(config) as running:
        yield running


async def unharmed(fleet: Fleet, first: Vitals, settled: Vitals) -> None:
    """`first`: at the start; `settled`: once everything that is loaded on demand was loaded."""
    last = await vitals(fleet)
    assert fleet.crashes() == {}
    assert {name: member.starts for name, member in fleet.members.items() if member.starts > 1} == {}
    assert fleet.complaints(r"Traceback|bus disconnected|bus reconnected|never retrieved") == []
    looks = 2
    assert last.connections <= first.connections + looks * 500, "a process connects again and again"
    grown = {name: round(mib, 1) for name, mib in last.grown(settled).items()}
    print(f"grown by [MiB]: {grown}")
    assert max(grown.values()) < FLAT_MIB, grown
    body = json.dumps({"model": MODEL, "messages": [{"role": "user", "content": "Still there?"}], "max_tokens": 8})
    after = await http_fire.fire(fleet.urls[0], [Shot("POST", PATHS[0], {}, body.encode())] * 50, api_key(TENANT))
    assert after.statuses == {200: 50}


async def test_fuzzed_http_bodies(fleet: Fleet) -> None:
    first = settled = await vitals(fleet)
    shots = http_shots(HTTP_SHOTS)
    size = len(shots) // ROUNDS
    for number in range(ROUNDS):
        fired = await http_fire.fire(fleet.urls[0], shots[number * size : (number + 1) * size], api_key(TENANT))
        print(f"round {number}: {dict(fired.statuses)}")
        assert fired.wrong == []
        assert fired.statuses[200] > size / 100, "nothing got as far as an engine"
        if number == 1:
            settled = await vitals(fleet)
    await unharmed(fleet, first, settled)


def http_shots(count: int) -> list[Shot]:
    """Requests to every path that takes a body, and to those that take an id; some with odd headers."""
    bodies = generate.bodies(count, 1)
    headers = generate.header_sets(2_000, 2)
    shots = []
    for number, body in enumerate(bodies):
        fields = headers[number % len(headers)] if number % 3 == 0 else {}
        if number % 50 == 0:
            path = f"/v1/requests/{body[:20].hex()}" + ("/events?starting_after=" + str(number) if number % 4 else "")
            shots.append(Shot("DELETE" if number % 3 else "GET", path, fields, b""))
        else:
            shots.append(Shot("POST", PATHS[(b'"prompt"' in body) ^ (number % 9 == 0)], fields, body))
    return shots


async def test_bodies_around_every_limit(fleet: Fleet) -> None:
    """Payload and headers together over the broker's limit would cost the connection."""
    first = await vitals(fleet)
    around = [limit + step for limit in (MAX_PAYLOAD, MAX_BODY) for step in range(-20 * 1024, 2 * 1024, 1024)]
    around += [limit + step for limit in (MAX_PAYLOAD, MAX_BODY) for step in (-1, 0, 1)]
    frame = {"model": MODEL, "max_tokens": 1, "stop": "x", "messages": [{"role": "system", "content": "Hi"}]}
    head = json.dumps(frame)[:-1] + ', "metadata": {"note": "'
    shots = []
    for size in around:
        body = (head + "a" * (size - len(head) - 3) + '"}}').encode()
        shots += [Shot("POST", PATHS[0], {}, body), Shot("POST", PATHS[0], {"idempotency-key": f"{size}" * 30}, body)]
    fired = await http_fire.fire(fleet.urls[0], shots, api_key(TENANT), at_once=4)
    assert fired.wrong == []
    assert fired.statuses[413] == 2 * sum(size > MAX_BODY for size in around)
    assert fired.statuses[200] == 2 * sum(size <= MAX_BODY for size in around)
    await unharmed(fleet, first, await vitals(fleet))


async def test_fuzzed_bus_messages(fleet: Fleet) -> None:
    first = settled = await vitals(fleet)
    payloads = generate.messages(BUS_MESSAGES // 2, 3) + generate.bodies(BUS_MESSAGES // 2, 4)
    tokens = generate.tokens(200, 5)
    values = [value for fields in generate.header_sets(200, 6) for value in fields.values() if value.isascii()]
    values += ["a.b", "*", ">", "replies.storm.1", "1", "0", "-1", "99999999999999999999"]
    for number in range(ROUNDS):
        await bus_fire.fire(fleet.nats_url, TENANT, payloads[number::ROUNDS], tokens, values, number)
        if number == 1:
            settled = await vitals(fleet)
    await unharmed(fleet, first, settled)
