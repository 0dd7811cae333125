"""Bodies larger than a message travel by the object store."""

import json

import pytest

from tests.unit.ingress.conftest import CHAT, House
from tests.unit.ingress.upstream import whole
from tokenlane_chassis.bus import Stored
from tokenlane_chassis.errors import BusUnavailableError, StreamFullError
from tokenlane_proto.topology import BODY_STORE, ENVELOPE_OVERHEAD_BYTES

LARGE = {**CHAT, "padding": "x" * 3000}


@pytest.fixture(autouse=True)
def small_messages(house: House) -> None:
    house.bus.max_payload = ENVELOPE_OVERHEAD_BYTES + 2048


def objects(house: House) -> list[str]:
    return [name for store, name in house.bus.objects if store == BODY_STORE]


async def test_a_large_body_is_an_object_that_the_request_names(house: House) -> None:
    body = json.dumps({**LARGE, "more": "y" * 900}).encode()
    assert len(body) > 4000
    house.upstream.script = lambda request: whole(b"{}")
    assert (await house.ask(body, x_request_id="large")).status == 200
    request = await house.upstream.requests.get()
    assert request.body == b""
    assert request.body_ref.object.startswith("acme.large.")
    assert (request.body_ref.size, request.body_ref.sample) == (len(body), body[:4096])
    assert house.bus.objects[BODY_STORE, request.body_ref.object] == body


async def test_a_small_body_goes_along(house: House) -> None:
    await house.ask()
    assert (await house.upstream.requests.get()).body == json.dumps(CHAT).encode()
    assert objects(house) == []


async def test_a_body_that_nobody_will_fetch_is_removed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await house.ask(LARGE, x_request_id="twice")).status == 200
    (first,) = objects(house)
    assert (await house.ask(LARGE, x_request_id="twice")).status == 409
    assert objects(house) == [first]

    async def full(*_: object) -> Stored:
        raise StreamFullError("full")

    monkeypatch.setattr(house.bus, "publish_durable", full)
    assert (await house.ask(LARGE)).status == 429
    assert objects(house) == [first]


async def test_a_body_that_somebody_may_fetch_stays(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(*_: object) -> Stored:
        raise BusUnavailableError("no answer")

    monkeypatch.setattr(house.bus, "publish_durable", silent)
    assert (await house.ask(LARGE)).status == 503
    assert len(objects(house)) == 1


async def test_ones_own_copy_sent_again_is_no_other_request(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    original = house.bus.publish_durable

    async def again(*arguments: str | bytes | dict[str, str]) -> Stored:
        stored = await original(*arguments)  # type: ignore[arg-type]
        return stored._replace(duplicate=True)

    monkeypatch.setattr(house.bus, "publish_durable", again)
    assert (await house.ask(LARGE, x_request_id="resent")).status == 200
    assert len(objects(house)) == 1
