"""When clients are told to come again."""

import asyncio

import pytest

from tests.unit.ingress.conftest import CHAT, House
from tests.unit.ingress.upstream import refused, whole
from tokenlane.v1.recovery_pb2 import KeyRecord
from tokenlane.v1.reply_pb2 import Frame, Head, Outcome, Terminal
from tokenlane.v1.request_pb2 import Request
from tokenlane_chassis import results
from tokenlane_ingress.retrying import retry_headers
from tokenlane_proto import headers, subjects, topology


@pytest.mark.parametrize(
    ("status", "code", "told_ms", "seconds", "milliseconds"),
    [
        (429, "tokens_per_minute_exceeded", 1, "1", "1"),
        (429, "tokens_per_minute_exceeded", 1_000, "1", "1000"),
        (503, "overloaded", 3_001, "4", "3001"),
        (400, "any", 50, "1", "50"),
        (429, "queue_full", 0, "1", None),
        (503, None, 0, "1", None),
        (429, "request_too_large", 0, None, None),
        (400, "context_length_exceeded", 0, None, None),
        (503, "context_length_exceeded", 0, None, None),
        (502, "failed", 0, None, None),
    ],
)
def test_seconds_are_rounded_up_and_what_time_does_not_mend_has_none(
    status: int, code: str | None, told_ms: int, seconds: str | None, milliseconds: str | None
) -> None:
    fields = {name.decode(): value.decode() for name, value in retry_headers(status, code, told_ms)}
    assert (fields.get("retry-after"), fields.get("retry-after-ms")) == (seconds, milliseconds)


@pytest.mark.parametrize("stream", [False, True])
async def test_who_is_not_let_in_is_told_when_to_come_again(house: House, stream: bool) -> None:
    house.upstream.script = lambda request: refused(429, "tokens_per_minute_exceeded", 1_234)
    answer = await house.ask({**CHAT, "stream": stream})
    assert (answer.status, answer.error["code"]) == (429, "tokens_per_minute_exceeded")
    assert (answer.headers["retry-after"], answer.headers["retry-after-ms"]) == ("2", "1234")


async def test_a_failure_without_a_body_tells_it_too(house: House) -> None:
    terminal = Terminal(outcome=Outcome.OUTCOME_FAILED, http_status=503, code="overloaded", retry_after_ms=2_500)
    house.upstream.script = lambda request: [Frame(attempt=1, terminal=terminal)]
    answer = await house.ask()
    assert (answer.status, answer.error["code"]) == (503, "overloaded")
    assert (answer.headers["retry-after"], answer.headers["retry-after-ms"]) == ("3", "2500")


async def test_who_comes_again_under_its_key_is_a_new_request(house: House) -> None:
    house.upstream.script = lambda request: refused(429, "tokens_per_minute_exceeded", 10)
    assert (await house.ask(idempotency_key="mine")).status == 429
    # The classifier says so, and takes that back when the request has come again.
    key = topology.key_record("acme", subjects.keyed_id("mine"))
    await house.bus.put(topology.KEY_BUCKET, key, KeyRecord(refusal_seq=7).SerializeToString())
    for _ in range(2):
        house.upstream.script = lambda request: whole(b"{}")
        assert (await house.ask(idempotency_key="mine")).status == 200
    assert house.upstream.requests.qsize() == 3


async def test_who_comes_again_while_the_first_waits_is_a_copy(house: House) -> None:
    house.upstream.script = lambda request: []
    first = asyncio.create_task(house.ask(idempotency_key="mine"))
    request = await house.upstream.requests.get()
    second = asyncio.create_task(house.ask(idempotency_key="mine"))
    await results.store(house.bus, "acme", request.request_id, b"{}", {headers.STATUS: "200"})
    house.upstream.send("acme", request, whole(b"{}"))
    assert ((await first).status, (await second).status) == (200, 200)
    assert house.upstream.requests.empty()


async def test_what_is_too_large_is_not_told_to_come_again(house: House) -> None:
    house.upstream.script = lambda request: refused(429, "request_too_large", 0)
    answer = await house.ask()
    assert answer.status == 429
    assert "retry-after" not in answer.headers


@pytest.mark.parametrize(("status", "seconds"), [(429, "1"), (503, "1"), (500, None), (200, None)])
async def test_an_engine_that_is_busy_keeps_its_second(house: House, status: int, seconds: str | None) -> None:
    head = Head(http_status=status, content_type=results.JSON)
    house.upstream.script = lambda request: whole(b'{"error": {"message": "busy"}}', head)
    answer = await house.ask()
    assert (answer.status, answer.headers.get("retry-after")) == (status, seconds)
    assert "retry-after-ms" not in answer.headers


async def test_a_refusal_that_was_stored_says_the_same_when_it_is_read(house: House) -> None:
    await results.publish_error(
        house.bus, "acme", Request(request_id="r1"), status=429, message="no", code="overloaded", retry_after_ms=1_500
    )
    answer = await house.get("/v1/requests/r1/events")
    assert (answer.status, answer.error["code"]) == (429, "overloaded")
    assert (answer.headers["retry-after"], answer.headers["retry-after-ms"]) == ("2", "1500")
