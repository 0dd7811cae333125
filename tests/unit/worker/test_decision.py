"""The worker's decisions: backoff, rest, lanes, checkpoints, cutting."""

from hypothesis import given
from hypothesis import strategies as st

from tokenlane.v1.lane_pb2 import LaneProfile
from tokenlane.v1.request_pb2 import Classification, Request
from tokenlane_proto import events
from tokenlane_worker import rerouting
from tokenlane_worker.checkpointing import pause_s
from tokenlane_worker.decision import Completed, End, Gone, Reroute, Retry, Stop, after_failure, after_stop, backoff_s
from tokenlane_worker.framing import parts
from tokenlane_worker.rest import Rest


@given(st.integers(1, 100), st.floats(0, 1))
def test_a_retry_comes_later_each_time_and_never_after_the_deadline(attempt: int, chance: float) -> None:
    delay = backoff_s(attempt, chance, None)
    assert 0.05 < delay < 20
    assert backoff_s(attempt + 1, chance, None) >= delay
    assert backoff_s(attempt, chance, 0.01) <= 0.01
    assert backoff_s(attempt, chance, -1) == 0


def test_the_last_attempt_that_fails_ends_the_request() -> None:
    assert after_failure("gone", 2, 3, 1.0) == Retry(1.0, "gone", resting=True)
    end = after_failure("gone", 3, 3, 1.0)
    assert isinstance(end, End)
    assert end.dead
    assert end.cause == "gone"


def test_what_stops_an_attempt_decides_what_becomes_of_its_request() -> None:
    assert after_stop(Stop.LOST, "") == Gone()
    assert after_stop(Stop.DRAINED, "bye") == Retry(0, "bye", excused=True)
    assert after_stop(Stop.OVERRUN, "too long") == Retry(0, "too long")
    assert after_stop(Stop.ENGINE_GONE, "dead") == Retry(0, "dead")
    ended = [after_stop(why, "") for why in (Stop.CANCELLED, Stop.EXPIRED)]
    assert [end.status for end in ended if isinstance(end, End)] == [499, 504]


def test_a_worker_rests_after_a_failure_and_then_tries_one_request() -> None:
    rest = Rest()
    assert rest.limit(8, 0) == 8
    rest.learn(Retry(5, "gone", resting=True), 10)
    rest.learn(Retry(1, "gone", resting=True), 11)
    assert (rest.limit(8, 14.9), rest.limit(8, 15)) == (0, 1)
    rest.learn(Retry(9, "drained", excused=True), 15)
    assert rest.limit(8, 16) == 1
    rest.learn(Completed(), 16)
    assert rest.limit(8, 16) == 8


def test_the_next_larger_lane_of_the_model_takes_what_is_too_long() -> None:
    lanes = rerouting.LaneTable()
    for lane, model, length in (("short", "m", 500), ("long", "m", 900), ("huge", "m", 5000), ("long", "other", 9000)):
        profile = LaneProfile(lane=lane, model=model, max_model_len=length)
        lanes.update(f"{lane}.{model}", profile.SerializeToString())

    def larger(lane: str, length: int) -> str | None:
        found = lanes.larger("m", lane, length)
        return found.lane if found is not None else None

    assert (larger("short", 500), larger("long", 900), larger("huge", 5000)) == ("long", "huge", None)
    lanes.update("long.m", None)
    lanes.update("huge.other", b"\xff")
    assert larger("short", 500) == "huge"


def test_only_a_refusal_for_its_length_moves_a_request() -> None:
    assert rerouting.says_too_short(400, b'{"error":{"code":"context_length_exceeded"}}')
    assert rerouting.says_too_short(400, b"max_tokens=97 cannot be greater than max_model_len=96. Please request fewer")
    assert not rerouting.says_too_short(400, b'{"error":{"message":"bad top_p"}}')
    assert not rerouting.says_too_short(200, b'{"content":"the maximum context length"}')


def test_a_moved_request_keeps_its_budget_and_counts_its_attempts() -> None:
    given_ = Classification(lane="short", prompt_tokens=7, output_tokens=3, category="latin")
    encoded = Request(request_id="r1", body=b"{}", classification=given_).SerializeToString()
    moved = Request.FromString(rerouting.for_lane(encoded, 2, Reroute("long", 500)))
    assert (moved.body, moved.attempts_before) == (b"{}", 2)
    assert (moved.too_short_tokens, moved.moved) == (500, False)
    given_.lane = given_.fits = "long"
    assert moved.classification == given_
    moved = Request.FromString(rerouting.for_lane(encoded, 2, Reroute("long", 500, moved=True, budget=(9, 80))))
    given_.prompt_tokens, given_.output_tokens = 9, 80
    assert (moved.classification, moved.moved) == (given_, True)


def test_checkpoints_grow_rarer_with_the_stream() -> None:
    assert (pause_s(0), pause_s(5), pause_s(100)) == (1, 1, 10)
    at, count = 0.0, 0
    while at < 3600:
        at, count = at + pause_s(at), count + 1
    assert count < 100, "an hour's stream"


@given(st.lists(st.binary(max_size=20).filter(lambda data: b"\n" not in data and b"\r" not in data), max_size=20))
def test_parts_are_whole_events_in_their_places(texts: list[bytes]) -> None:
    data = b"".join(b"data: %b\n\n" % text for text in texts)
    cut = list(parts(data, 7, 40))
    assert b"".join(part for _, part in cut) == data
    position = 7
    for first_event, part in cut:
        assert first_event == position
        assert len(part) <= 40 or events.count(part) == 1
        position += events.count(part)
