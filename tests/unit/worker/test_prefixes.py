"""What is given back for shared prefixes: never more than others hold, nothing of what is not known."""

from hypothesis import given
from hypothesis import strategies as st

from tokenlane.v1.request_pb2 import Facts
from tokenlane_proto.prefixes import Prefix, of_prefix, prefix_of
from tokenlane_worker.prefixes import Prefixes, Share

A, B = Prefix("acme", 1, 0), Prefix("acme", 2, 0)
FREE = 10_000


def run(prefixes: Prefixes, prefix: Prefix, found: int, free: int = FREE) -> Share:
    """A request of 1,000 tokens and its answer."""
    share = prefixes.find(prefix, 1_000)
    prefixes.begin(share, 1_000)
    prefixes.end(share, free)
    prefixes.learn(share, found)
    return share


def warm(*found: int) -> Prefixes:
    """A prefix that was run once, then found by others."""
    prefixes = Prefixes()
    for tokens in (0, *found):
        run(prefixes, A, tokens)
    return prefixes


def test_the_first_of_a_prefix_has_to_find_nothing_and_says_nothing() -> None:
    prefixes = Prefixes()
    assert run(prefixes, A, 0) == Share(A)
    assert run(prefixes, A, 800) == Share(A, 0, due=True), "nothing is known yet"
    assert prefixes.find(A, 1_000) == Share(A, 800, due=True)
    assert prefixes.find(B, 1_000) == Share(B)
    assert prefixes.find(None, 1_000) == Share()


def test_the_one_that_found_least_counts_until_it_is_forgotten() -> None:
    prefixes = warm(800, 960, 0)
    assert prefixes.find(A, 1_000).tokens == 0
    for _ in range(8):
        run(prefixes, A, 800)
    assert prefixes.find(A, 1_000).tokens == 800


def test_a_prompt_is_never_found_whole() -> None:
    assert warm(800).find(A, 500).tokens == 499


def test_what_others_hold_that_run_is_given_back() -> None:
    prefixes = warm(800)
    shares = [prefixes.find(A, 1_000) for _ in range(3)]
    assert prefixes.saves(shares[0]) == 0, "nobody holds it"
    for number, share in enumerate(shares):
        prefixes.begin(share, 1_000)
        assert prefixes.saved == 800 * number
        assert prefixes.saves(share) == 800
    for number, share in enumerate(shares):
        prefixes.end(share, FREE)
        assert prefixes.saved == 800 * max(0, 1 - number)


def test_nobody_finds_what_others_have_taken_the_place_of() -> None:
    prefixes = warm(800)
    other = prefixes.find(None, 1_000)
    prefixes.begin(other, FREE // 2)
    assert prefixes.find(A, 1_000) == Share(A)
    assert run(prefixes, A, 0) == Share(A)
    assert prefixes.find(A, 1_000).tokens == 800, "what was computed anew says nothing of its length"


def test_a_prefix_stays_while_one_runs() -> None:
    prefixes = warm(800)
    running = prefixes.find(A, 1_000)
    prefixes.begin(running, 1_000)
    prefixes.begin(Share(), 100 * FREE)
    assert prefixes.find(A, 1_000).tokens == 800
    prefixes.end(running, 0)
    assert prefixes.find(A, 1_000).tokens == 0, "nothing was free"


def test_few_prefixes_are_remembered_and_those_that_run_are() -> None:
    prefixes = warm(800)
    held = prefixes.find(A, 1_000)
    prefixes.begin(held, 1_000)
    for system in range(10, 3_000):
        run(prefixes, Prefix("acme", system, 0), 0)
    assert len(prefixes) == 1_024
    prefixes.end(held, FREE)
    assert prefixes.saved == 0


@given(st.lists(st.tuples(st.sampled_from([A, B, None]), st.integers(0, 2_000), st.integers(0, 2_000), st.booleans())))
def test_no_more_is_given_back_than_others_were_thought_to_share(
    events: list[tuple[Prefix | None, int, int, bool]],
) -> None:
    prefixes, running, gross = Prefixes(), [], 0
    for prefix, prompt, found, ends in events:
        share = prefixes.find(prefix, prompt)
        assert 0 <= prefixes.saves(share) <= share.tokens <= max(0, prompt - 1)
        before = prefixes.saved + prefixes.saves(share)
        prefixes.begin(share, prompt)
        assert prefixes.saved == before
        running.append(share)
        gross += share.tokens
        prefixes.learn(share, found)
        if ends:
            ended = running.pop(0)
            prefixes.end(ended, FREE)
            gross -= ended.tokens
        largest = {each.prefix: max(o.tokens for o in running if o.prefix == each.prefix) for each in running}
        assert prefixes.saved == gross - sum(tokens for key, tokens in largest.items() if key is not None)
    for share in running:
        prefixes.end(share, FREE)
    assert prefixes.saved == 0


def test_a_prefix_is_told_by_tenant_system_prompt_and_tools() -> None:
    assert prefix_of("acme", Facts(system_hash=1, tools_hash=2)) == Prefix("acme", 1, 2)
    assert prefix_of("acme", Facts(tools_hash=2)) == Prefix("acme", 0, 2)
    assert prefix_of("acme", Facts(model="m")) is None


def test_what_was_found_behind_the_prefix_is_not_shared() -> None:
    facts = Facts(system_bytes=700, tools_bytes=100)
    assert of_prefix(160, 200, facts, 1_000) == 160
    assert of_prefix(1_920, 2_000, facts, 10_000) == 200, "the conversation before"
    assert of_prefix(160, 200, Facts(), 1_000) == 0
