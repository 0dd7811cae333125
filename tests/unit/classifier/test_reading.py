"""What is read from a message, what is filled in, and what can be salvaged."""

import hashlib

import pytest

from tests.unit.classifier.test_service import BODY, envelope
from tokenlane.v1.request_pb2 import BodyRef, Request
from tokenlane_chassis.bus import Message
from tokenlane_chassis.fake_bus import FakeBus
from tokenlane_chassis.fake_parts import FakeDelivery
from tokenlane_chassis.fake_store import StoredMessage
from tokenlane_classifier.reading import Reading, is_own_object, read, salvage, with_defaults
from tokenlane_proto import codec, headers, subjects
from tokenlane_proto.errors import MalformedMessageError


def delivery(data: bytes) -> FakeDelivery:
    return FakeDelivery(FakeBus(), StoredMessage(3, Message("requests.acme", data, {})), 1)


def reading(accepted_unix_ms: int = 0, deadline_unix_ms: int = 0) -> Reading:
    data = envelope(accepted_unix_ms=accepted_unix_ms, deadline_unix_ms=deadline_unix_ms)
    return Reading(codec.decode_request(data), data)


def test_the_tenants_deadline_counts_from_acceptance() -> None:
    before = reading(accepted_unix_ms=1_000)
    after = with_defaults(before, 500, 1_200)
    assert after.request.deadline_unix_ms == 1_500
    assert after.encoded.startswith(before.encoded)
    assert codec.decode_request(after.encoded) == after.request


@pytest.mark.parametrize(("deadline", "timeout"), [(9_000, 500), (9_000, 0), (0, 0)])
def test_a_deadline_of_its_own_stays_and_no_timeout_is_none(deadline: int, timeout: int) -> None:
    before = reading(accepted_unix_ms=1_000, deadline_unix_ms=deadline)
    assert with_defaults(before, timeout, 1_200) is before
    assert before.request.deadline_unix_ms == deadline


def test_without_a_moment_of_acceptance_it_is_now() -> None:
    after = with_defaults(reading(), 500, 1_200).request
    assert (after.accepted_unix_ms, after.deadline_unix_ms) == (1_200, 1_700)


@pytest.mark.parametrize(
    "name", ["", "acme.r1", "acme.r1.", "other.r1.x", "acme.r2.x", "acme.r1.x.y", "result.acme.r1.x", "acme.r1.*"]
)
def test_a_body_of_somebody_else_is_refused(name: str) -> None:
    assert not is_own_object(name, "acme", "r1")
    with pytest.raises(MalformedMessageError, match="body_ref"):
        read(delivery(envelope(body=b"", body_ref=BodyRef(object=name, size=10))), "acme", 1)


def test_a_body_of_its_own_is_taken() -> None:
    sent = envelope(body=b"", body_ref=BodyRef(object="acme.r1.0a", size=10))
    assert read(delivery(sent), "acme", 1).request.body_ref.object == "acme.r1.0a"


def test_the_key_of_what_cannot_be_read_is_salvaged() -> None:
    own_id = subjects.keyed_id("k")
    bare = salvage(b"{ broken", {headers.IDEMPOTENCY_KEY: "k"}, 3)
    assert (bare.request_id, bare.idempotency_key) == (own_id, "k")
    assert bare.body_sha256 == hashlib.sha256(b"{ broken").digest()
    framed = salvage(envelope(own_id, model="", idempotency_key="k"), {}, 3)
    assert (framed.request_id, framed.idempotency_key) == (own_id, "k")
    assert framed.body_sha256 == hashlib.sha256(BODY).digest()


def test_a_key_that_the_id_does_not_follow_from_counts_for_nothing() -> None:
    framed = salvage(Request(request_id="r1", idempotency_key="k").SerializeToString(), {}, 3)
    assert (framed.request_id, framed.idempotency_key, framed.body_sha256) == ("r1", "", b"")
