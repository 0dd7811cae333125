"""Finding dead letters, sending their requests again, dropping them; on either bus."""

import json
from collections.abc import Mapping

import pytest

from tests.unit.cli.dead import BODY, KEYED, NOW, buried, bury, letter, request
from tokenlane.v1.recovery_pb2 import KeyRecord
from tokenlane.v1.reply_pb2 import Outcome
from tokenlane.v1.request_pb2 import BodyRef, Request
from tokenlane_chassis import results
from tokenlane_chassis.bus import Bus, Message, Stored
from tokenlane_chassis.fake_bus import FakeBus
from tokenlane_cli.dlq import letters
from tokenlane_cli.dlq.again import again, message_id
from tokenlane_cli.dlq.described import details
from tokenlane_cli.dlq.letters import Key
from tokenlane_cli.errors import UsageError
from tokenlane_proto import codec, headers, subjects, topology

R1 = Key("demo", "r1")


async def published(bus: Bus) -> list[Message]:
    return await bus.messages(topology.REQUESTS, "requests.*")


def test_again_is_as_if_accepted_now() -> None:
    before = request()
    after = again(before, NOW)
    assert not after.HasField("classification")
    assert (after.attempts_before, after.accepted_unix_ms, after.deadline_unix_ms) == (0, NOW, NOW + 60_000)
    assert (after.too_short_tokens, after.moved) == (0, False)
    assert (after.request_id, after.body, after.facts, after.reply_inbox) == ("r1", BODY, before.facts, "door.1")
    assert before.HasField("classification")


@pytest.mark.parametrize(("accepted", "deadline"), [(5, 0), (0, 5), (0, 0), (9, 5)])
def test_without_a_time_that_can_be_told_the_tenants_own_holds(accepted: int, deadline: int) -> None:
    before = Request(request_id="r1", accepted_unix_ms=accepted, deadline_unix_ms=deadline)
    assert again(before, NOW).deadline_unix_ms == 0


def test_each_letter_has_its_own_message_id() -> None:
    earlier, later = letter(request(), minutes_ago=9), letter(request(), minutes_ago=4)
    assert message_id("demo", earlier) == message_id("demo", earlier) != message_id("demo", later)
    assert message_id("demo", earlier).startswith("demo.r1.")


def test_all_of_a_letter_is_in_its_json() -> None:
    told = json.loads(json.dumps(details(R1, letter(request()))))
    assert (told["tenant"], told["request_id"], told["lane"], told["attempts"]) == ("demo", "r1", "short", 6)
    assert told["endpoint"] == "/v1/chat/completions"
    assert told["body"]["messages"][0]["content"] == "[red]hi[/red]"
    assert [end["handed_over"] for end in told["history"]] == [False, True]
    assert details(R1, letter(request(body=b"{ \xff")))["body"] == "{ \N{REPLACEMENT CHARACTER}"
    assert details(R1, letter(request(body=b"", body_ref=BodyRef(object="demo.r1.x", size=9))))["body_bytes"] == 9


async def test_letters_are_found_by_tenant_and_by_name(bus: Bus) -> None:
    for tenant, request_id in (("demo", "r1"), ("demo", "r2"), ("acme", "r1")):
        await bury(bus, tenant, request(request_id))
    assert await letters.all_keys(bus) == [Key("acme", "r1"), R1, Key("demo", "r2")]
    assert await letters.all_keys(bus, "acme") == [Key("acme", "r1")]
    assert await letters.named(bus, ["r2", "demo/r1", "r2"]) == [Key("demo", "r2"), R1]
    assert await letters.named(bus, ["r1"], "acme") == [Key("acme", "r1")]
    for names, tenant, reason in (
        (["r1"], "*", "acme/r1 or demo/r1"),
        (["r2", "r3"], "*", "no dead letter r3"),
        (["r2"], "acme", "no dead letter acme/r2"),
        (["demo/r2"], "acme", "no dead letter demo/r2"),
        (["*"], "*", "not the name"),
        (["a.b/r1"], "*", "not the name"),
    ):
        with pytest.raises(UsageError, match=reason.replace("*", r"\*")):
            await letters.named(bus, names, tenant)


async def test_a_letter_that_cannot_be_read_says_so_and_can_be_dropped(bus: Bus) -> None:
    await bus.publish_durable("dead.demo.r1", b"\xff\xff")
    read = await letters.read(bus, R1)
    assert read is not None
    assert "cannot be read" in read.reason
    with pytest.raises(UsageError, match="no request"):
        await letters.replay(bus, R1, NOW)
    await letters.drop(bus, R1)
    assert await letters.read(bus, R1) is None


async def test_a_replay_takes_away_what_would_answer_for_the_request(bus: Bus) -> None:
    dead = await bury(bus, given_up=request(KEYED, "my key"))
    key = Key("demo", KEYED)
    record = KeyRecord(requests_seq=1).SerializeToString()
    await bus.put(topology.KEY_BUCKET, topology.key_record(*key), record)
    await bus.publish_durable(subjects.progress(*key), b"a checkpoint")
    await letters.replay(bus, key, NOW)
    (message,) = await published(bus)
    assert message.subject == "requests.demo"
    assert message.headers[headers.MSG_ID] == message_id("demo", dead)
    sent = codec.decode_request(message.data)
    assert (sent.request_id, sent.idempotency_key, sent.accepted_unix_ms) == (KEYED, "my key", NOW)
    assert await results.load(bus, *key) is None
    assert await bus.messages(topology.PROGRESS, ">") == []
    assert await bus.get(topology.KEY_BUCKET, topology.key_record(*key)) is None
    assert await buried(bus) == []


async def test_a_replay_that_was_cut_short_is_one_request_when_it_is_repeated(bus: Bus) -> None:
    dead = await bury(bus)
    await letters.replay(bus, R1, NOW)
    # As if the process had died before it deleted the letter.
    await bus.publish_durable(subjects.dead(*R1), dead.SerializeToString())
    await letters.replay(bus, R1, NOW + 5)
    assert len(await published(bus)) == 1
    assert await buried(bus) == []


async def test_a_request_that_dies_again_at_once_keeps_its_new_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    bus = FakeBus()
    await bury(bus)
    publish = bus.publish_durable

    async def dies_again(subject: str, payload: bytes, fields: Mapping[str, str] | None = None) -> Stored:
        await publish(subjects.dead(*R1), letter(request(), minutes_ago=0).SerializeToString())
        return await publish(subject, payload, fields)

    monkeypatch.setattr(bus, "publish_durable", dies_again)
    await letters.replay(bus, R1, NOW)
    left = await letters.read(bus, R1)
    assert left is not None
    assert left.died_unix_ms == NOW


async def test_what_was_answered_after_all_is_not_replayed(bus: Bus) -> None:
    await bus.publish_durable(subjects.dead(*R1), letter(request()).SerializeToString())
    fields = results.result_headers("r1", 5, Outcome.OUTCOME_COMPLETED, 200, results.JSON)
    await results.store(bus, *R1, b"{}", fields)
    with pytest.raises(UsageError, match="answered after all"):
        await letters.replay(bus, R1, NOW)
    assert await results.load(bus, *R1) is not None
    assert await published(bus) == []


async def test_a_body_in_the_object_store_is_needed_for_a_replay_and_goes_with_a_drop(bus: Bus) -> None:
    ref = BodyRef(object="demo.r1.x", size=len(BODY))
    await bury(bus, given_up=request(body=b"", body_ref=ref))
    with pytest.raises(UsageError, match="body is not stored any more"):
        await letters.replay(bus, R1, NOW)
    assert await results.load(bus, *R1) is not None
    await bus.put_object(topology.BODY_STORE, ref.object, BODY)
    await letters.replay(bus, R1, NOW)
    assert await bus.get_object(topology.BODY_STORE, ref.object) == BODY
    await bury(bus, given_up=request(body=b"", body_ref=ref))
    await letters.drop(bus, R1)
    assert await bus.get_object(topology.BODY_STORE, ref.object) is None
    assert await results.load(bus, *R1) is not None


async def test_what_is_not_there_any_more_cannot_be_replayed_or_dropped(bus: Bus) -> None:
    with pytest.raises(UsageError, match="not there any more"):
        await letters.replay(bus, R1, NOW)
    with pytest.raises(UsageError, match="not there any more"):
        await letters.drop(bus, R1)
