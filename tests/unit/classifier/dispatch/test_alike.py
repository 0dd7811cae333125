"""Where all wait, a worker that has room next gets what begins as it has in its cache."""

import random
from collections import OrderedDict

from tests.unit.classifier.dispatch.given import MODEL, NOW_S, candidate, gone, hold, room, state
from tokenlane.v1.reply_pb2 import Usage, UsageEvent
from tokenlane.v1.request_pb2 import Classification, Facts, Request
from tokenlane_classifier.dispatch.candidates import candidate_of, waiting_of
from tokenlane_classifier.dispatch.state import State
from tokenlane_classifier.line.alike import PASSES
from tokenlane_proto.prefixes import Prefix

KV_TOKENS = 400


def ran(knows: State, worker: str, system: int) -> None:
    facts = Facts(model=MODEL, system_hash=system)
    usage = Usage(prompt_tokens=60, completion_tokens=40)
    knows.ran("acme", UsageEvent(model=MODEL, worker=worker, facts=facts, usage=usage))


def has_room(knows: State, worker: str, tokens: int, now_s: float = NOW_S, taken: int = 0) -> None:
    knows.heard(room(tokens, worker, taken, kv_tokens=KV_TOKENS), now_s)


def all_wait(knows: State, systems: list[int]) -> None:
    for seq, system in enumerate(systems, start=1):
        hold(
            knows, f"r{seq}", seq, system_hash=system, ttft_limit_ms=1_000_000, accepted_unix_ms=int(NOW_S * 1e3) + seq
        )


def test_of_equals_the_one_that_begins_alike_goes_first() -> None:
    knows = state()
    all_wait(knows, [5, 6, 7])
    has_room(knows, "w", 0)
    ran(knows, "w", 7)
    has_room(knows, "w", 76)
    assert gone(knows) == [3]
    has_room(knows, "w", 76, taken=1)
    assert gone(knows) == [1]


def test_where_two_have_room_the_order_stays() -> None:
    knows = state()
    all_wait(knows, [5, 6, 7])
    for worker in ("v", "w"):
        has_room(knows, worker, 0)
    ran(knows, "w", 7)
    for worker in ("v", "w"):
        has_room(knows, worker, 38)
    assert gone(knows)[0] == 1


def test_a_more_urgent_request_of_another_prompt_is_not_passed_over_late_in_its_time() -> None:
    knows = state()
    hold(knows, "r1", 1, ttft_limit_ms=1_000)
    hold(knows, "r2", 2, system_hash=7, ttft_limit_ms=5_000)
    has_room(knows, "w", 0)
    ran(knows, "w", 7)
    has_room(knows, "w", 76, NOW_S + 0.6)
    assert gone(knows, NOW_S + 0.6) == [1]


def test_nobody_is_passed_over_more_often_than_the_bound() -> None:
    knows = state()
    all_wait(knows, [5] + [7] * (2 * PASSES))
    has_room(knows, "w", 0)
    ran(knows, "w", 7)
    order = []
    for _ in range(2 * PASSES):
        has_room(knows, "w", 76, taken=1)
        order += gone(knows)
    assert order.index(1) == PASSES


def test_what_a_worker_that_left_held_does_not_matter() -> None:
    knows = state()
    all_wait(knows, [5, 7])
    has_room(knows, "w", 0)
    ran(knows, "w", 7)
    knows.heard(room(0, "w", gone=True), NOW_S)
    has_room(knows, "w", 76)
    assert gone(knows) == [1]


def hits(told: bool) -> int:
    """Of 300 requests with 16 system prompts, those that found theirs in one of two caches of four."""
    knows, chance = state(), random.Random(7)
    systems = [chance.randrange(1, 17) for _ in range(300)]
    for seq, system in enumerate(systems, start=1):
        hold(knows, f"r{seq}", seq, system_hash=system if told else 0, ttft_limit_ms=1_000_000)
    caches = {worker: OrderedDict[int, None]() for worker in "vw"}
    found = 0
    for turn in range(300):
        worker = "vw"[turn % 2]
        has_room(knows, worker, 76, NOW_S, taken=turn and 1)
        (seq,) = gone(knows)
        cache, system = caches[worker], systems[seq - 1]
        found += system in cache
        cache[system] = None
        cache.move_to_end(system)
        if len(cache) > 4:
            cache.popitem(last=False)
        ran(knows, worker, system)
        has_room(knows, worker, 0, taken=1)
    return found


def test_caches_are_found_again_far_more_often() -> None:
    assert hits(told=True) > 2 * hits(told=False)


def test_the_dispatcher_is_told_what_a_prompt_begins_with() -> None:
    request = Request(request_id="r1", facts=Facts(model=MODEL, system_hash=7, tools_hash=8))
    told = candidate_of("acme", request, Classification())
    assert waiting_of(told, 1, 10_000).prefix == Prefix("acme", 7, 8)
    assert waiting_of(candidate(), 1, 10_000).prefix is None
