"""The whole classifier, on the in-memory bus and on a real nats-server."""

import asyncio
import json

import pytest

from tests.support.waiting import until
from tests.unit.classifier.conftest import MODEL, Running, classifier_on
from tokenlane.v1.reply_pb2 import Frame, Outcome, Usage, UsageEvent
from tokenlane.v1.request_pb2 import Endpoint, Facts, ReplyFormat, Request
from tokenlane_chassis.bus import Bus, Delivery, Message
from tokenlane_proto import codec, headers, subjects, topology

BODY = json.dumps({"model": MODEL, "messages": [{"role": "user", "content": "hi"}], "max_tokens": 8}).encode()


def envelope(request_id: str = "r1", model: str = MODEL, body: bytes = BODY, **fields: object) -> bytes:
    return Request(
        request_id=request_id,
        endpoint=Endpoint.ENDPOINT_CHAT_COMPLETIONS,
        reply_inbox="door.1",
        facts=Facts(model=model, max_output_tokens=8),
        body=body,
        **fields,  # type: ignore[arg-type]
    ).SerializeToString()


async def settled(bus: Bus) -> None:
    """Nothing waits to be classified, and nothing is being classified."""

    async def idle() -> bool:
        return not await bus.subject_counts(topology.REQUESTS, ">")

    await until(idle, every_s=0.005)


async def waiting(bus: Bus) -> dict[str, int]:
    return await bus.subject_counts(topology.LANES, ">")


async def only_lane_message(bus: Bus) -> tuple[str, Request, Message]:
    (subject,) = await waiting(bus)
    message = await bus.last(topology.LANES, subject)
    assert message is not None
    return subject, codec.decode_request(message.data), message


async def error_of(bus: Bus, request_id: str) -> tuple[dict[str, object], Message]:
    stored = await bus.last(topology.RESULTS, subjects.result("acme", request_id))
    assert stored is not None
    error: dict[str, object] = json.loads(stored.data)["error"]
    return error, stored


async def inbox_of(bus: Bus) -> asyncio.Queue[Message]:
    inbox: asyncio.Queue[Message] = asyncio.Queue()
    await bus.subscribe("replies.acme.>", inbox.put_nowait)
    return inbox


async def test_an_envelope_goes_to_its_lane_unchanged(bus: Bus, running: Running) -> None:
    async with running():
        sent = {headers.MSG_ID: "acme.r1", headers.TRACEPARENT: "00-" + "a" * 32 + "-" + "b" * 16 + "-00"}
        stored = await bus.publish_durable("requests.acme", envelope(accepted_unix_ms=5), sent)
        await settled(bus)
    subject, request, message = await only_lane_message(bus)
    assert subjects.parse_lane(subject)[:4] == ("short", "short", MODEL, "acme")
    assert message.data.startswith(envelope(accepted_unix_ms=5))
    assert request.accepted_unix_ms == 5
    assert message.headers[headers.MSG_ID] == f"acme.r1.{stored.seq}"
    assert message.headers[headers.TRACEPARENT] == sent[headers.TRACEPARENT]
    assert request.body == BODY
    given = request.classification
    assert (given.lane, given.fits, given.output_tokens, given.typical_output_tokens) == ("short", "short", 8, 8)
    assert 5 < given.prompt_tokens < len(BODY)
    assert given.classified_unix_ms > 0


async def test_a_bare_body_is_wrapped(bus: Bus, running: Running) -> None:
    async with running():
        seq = (await bus.publish_durable("requests.acme", BODY)).seq
        await settled(bus)
    _, request, message = await only_lane_message(bus)
    assert (request.request_id, request.body) == (f"seq-{seq}", BODY)
    assert request.reply_format == ReplyFormat.REPLY_FORMAT_PLAIN
    assert request.facts.model == MODEL
    assert message.headers[headers.MSG_ID] == f"acme.seq-{seq}.{seq}"


async def test_a_long_body_goes_to_the_long_lane(bus: Bus, running: Running) -> None:
    async with running():
        await bus.publish_durable("requests.acme", envelope(body=b'{"a":"' + b"word " * 30_000 + b'"}'))
        await settled(bus)
    subject, request, _ = await only_lane_message(bus)
    assert subjects.parse_lane(subject).lane == "long"
    assert subjects.parse_lane(subject).tokens >= request.classification.prompt_tokens > 8_192


@pytest.mark.parametrize("payload", [b"{ not json", b'{"model": 1}', b'{"messages": "\xff"}', b'{"model": "m"}'])
async def test_a_malformed_bare_body_is_answered_and_never_comes_back(
    bus: Bus, running: Running, payload: bytes
) -> None:
    inbox = await inbox_of(bus)
    async with running():
        sent = {headers.REQUEST_ID: "mine", headers.REPLY_INBOX: "door.1"}
        await bus.publish_durable("requests.acme", payload, sent)
        await settled(bus)
        reply = await asyncio.wait_for(inbox.get(), 5)
    error, stored = await error_of(bus, "mine")
    assert error["type"] == "invalid_request_error"
    assert (stored.headers[headers.STATUS], stored.headers[headers.OUTCOME]) == ("400", "failed")
    assert (reply.subject, reply.data) == ("replies.acme.door.1", stored.data)
    assert not await waiting(bus)


async def test_a_malformed_body_without_an_id_is_answered_by_its_sequence(bus: Bus, running: Running) -> None:
    async with running():
        seq = (await bus.publish_durable("requests.acme", b"\xff\xff", {headers.REQUEST_ID: "not an id"})).seq
        await settled(bus)
    error, _ = await error_of(bus, f"seq-{seq}")
    assert error["code"] == "invalid_request"


async def test_a_malformed_envelope_is_answered_by_a_frame(bus: Bus, running: Running) -> None:
    inbox = await inbox_of(bus)
    async with running():
        await bus.publish_durable("requests.acme", envelope(model=""))
        await settled(bus)
        frame = Frame.FromString((await asyncio.wait_for(inbox.get(), 5)).data)
    error, _ = await error_of(bus, "r1")
    assert error["param"] == "model"
    assert (frame.head.http_status, frame.terminal.http_status) == (400, 400)
    assert json.loads(frame.data)["error"] == error


async def test_what_cannot_be_run_is_refused(bus: Bus, running: Running) -> None:
    async with running():
        await bus.publish_durable("requests.acme", envelope("unknown", model="other"))
        beyond = BODY.replace(b'"max_tokens": 8', b'"max_tokens": 32769')
        await bus.publish_durable("requests.acme", beyond, {headers.REQUEST_ID: "beyond"})
        await bus.publish_durable("requests.acme", envelope("late", deadline_unix_ms=1))
        await settled(bus)
    for request_id, status, outcome in (
        ("unknown", "404", Outcome.OUTCOME_FAILED),
        ("beyond", "400", Outcome.OUTCOME_FAILED),
        ("late", "504", Outcome.OUTCOME_EXPIRED),
    ):
        _, stored = await error_of(bus, request_id)
        assert stored.headers[headers.STATUS] == status
        assert stored.headers[headers.OUTCOME] == Outcome.Name(outcome).removeprefix("OUTCOME_").lower()
    assert not await waiting(bus)


async def test_one_request_published_twice_is_one_lane_message(bus: Bus, running: Running) -> None:
    async with running() as context:
        # Without a message id, as after a broker forgot those it knew.
        await bus.publish_durable("requests.acme", envelope(accepted_unix_ms=5))
        await bus.publish_durable("requests.acme", envelope(accepted_unix_ms=5))
        await settled(bus)
        copies = context.registry.get_sample_value("tokenlane_classifier_repeated_total", {"standing": "copy"})
    assert list((await waiting(bus)).values()) == [1]
    assert copies == 1


async def test_an_id_that_is_used_again_later_is_another_request(bus: Bus, running: Running) -> None:
    async with running():
        await bus.publish_durable("requests.acme", envelope(accepted_unix_ms=5))
        await bus.publish_durable("requests.acme", envelope(accepted_unix_ms=6))
        await settled(bus)
    assert list((await waiting(bus)).values()) == [2]


async def test_when_it_was_accepted_is_filled_in_where_its_publisher_left_it_out(bus: Bus, running: Running) -> None:
    async with running():
        await bus.publish_durable("requests.acme", envelope())
        await settled(bus)
    _, request, _ = await only_lane_message(bus)
    assert 0 < request.accepted_unix_ms <= request.classification.classified_unix_ms


async def test_tenants_may_use_the_same_id(bus: Bus, running: Running) -> None:
    async with running():
        await bus.publish_durable("requests.acme", envelope())
        await bus.publish_durable("requests.other", envelope())
        await settled(bus)
    assert {subjects.parse_lane(subject).tenant for subject in await waiting(bus)} == {"acme", "other"}


async def test_a_death_between_publish_and_ack_does_not_duplicate(bus: Bus, running: Running) -> None:
    dying, _ = await classifier_on(bus)
    taken: asyncio.Queue[Delivery] = asyncio.Queue()
    puller = await bus.pull(topology.CLASSIFIER_CONSUMER, taken.put_nowait, lambda: int(taken.empty()))
    await bus.publish_durable("requests.acme", envelope())
    delivery = await asyncio.wait_for(taken.get(), 5)
    await dying.handle(delivery)
    await puller.stop()
    # The broker gives the message to somebody else, as it does when nothing is heard of a delivery.
    delivery.nak()
    async with running():
        await settled(bus)
    assert list((await waiting(bus)).values()) == [1]


async def classified(bus: Bus, body: bytes) -> Request:
    """The request as it waits in its lane, and nothing else waits there any more."""
    await bus.publish_durable("requests.acme", body)
    await settled(bus)
    _, request, _ = await only_lane_message(bus)
    await bus.purge(topology.LANES, "lanes.>")
    return request


def answer(number: int, request: Request, prompt_tokens: int, completion_tokens: int) -> bytes:
    given = request.classification
    return UsageEvent(
        request_id=f"a{number}",
        model=MODEL,
        lane=given.lane,
        category=given.category,
        body_bytes=len(request.body),
        estimated_prompt_tokens=given.prompt_tokens,
        budget_output_tokens=given.output_tokens,
        usage=Usage(prompt_tokens=prompt_tokens, completion_tokens=completion_tokens),
        accepted_unix_ms=request.accepted_unix_ms,
        endpoint=request.endpoint,
        facts=request.facts,
        classification=given,
    ).SerializeToString()


async def test_it_learns_from_usage(bus: Bus, running: Running) -> None:
    text = {"model": MODEL, "messages": [{"role": "user", "content": "many a word " * 2_000}]}
    body = json.dumps(text).encode()
    async with running() as context:
        first = await classified(bus, body)
        assert first.classification.lane == "short"
        for number in range(50):
            bus.post("usage.acme", answer(number, first, 12_000, 40))
        bus.post("usage.acme", b"\xff")
        labels = {"lane": "short", "fitting_lane": "long", "cause": "prompt"}
        wrong = "tokenlane_misrouted_requests_total"
        await until(lambda: context.registry.get_sample_value(wrong, labels) == 50)
        later = await classified(bus, body)
        ratio = {"model": MODEL, "category": first.classification.category}
        assert context.registry.get_sample_value("tokenlane_bytes_per_token", ratio) == pytest.approx(2.0, rel=0.05)
    assert later.classification.lane == "long"
    assert later.classification.prompt_tokens == pytest.approx(12_000, rel=0.05)
    assert 40 <= later.classification.output_tokens < 80
    assert first.classification.output_tokens > 80


async def test_many_at_once(bus: Bus, running: Running) -> None:
    async with running() as context:
        await asyncio.gather(*(bus.publish_durable("requests.acme", envelope(f"r{number}")) for number in range(1_000)))
        await settled(bus)
        counted = context.registry.get_sample_value(
            "tokenlane_classified_requests_total", {"lane": "short", "model": MODEL}
        )
    assert counted == 1_000
    assert sum((await waiting(bus)).values()) == 1_000
