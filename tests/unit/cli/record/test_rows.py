"""Usage events become rows in the order of their acceptance."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tokenlane.v1.reply_pb2 import Usage, UsageEvent
from tokenlane.v1.request_pb2 import Classification, Endpoint, Facts
from tokenlane_cli.record.rows import ByAcceptance, Recorded, Row, Wanted, row_of


def event(accepted_unix_ms: int = 5_000, model: str = "sim", estimated: bool = False) -> UsageEvent:
    usage = Usage(prompt_tokens=10, completion_tokens=3, estimated=estimated)
    return UsageEvent(model=model, lane="short", usage=usage, accepted_unix_ms=accepted_unix_ms)


def row(timestamp: int) -> Row:
    return Row(timestamp, 1, 1, "demo", "sim", "short")


def test_a_row_says_what_a_trace_needs() -> None:
    recorded = Recorded()
    assert row_of("demo", event(), Wanted(), recorded) == Row(5_000, 10, 3, "demo", "sim", "short")
    assert row_of("demo", event(estimated=True), Wanted(), recorded) == Row(5_000, 10, 3, "demo", "sim", "short", True)
    assert recorded == Recorded(rows=2, estimated=1)


def test_a_row_says_what_tuning_needs_of_an_event_that_says_it() -> None:
    told = event()
    told.endpoint = Endpoint.ENDPOINT_COMPLETIONS
    told.facts.MergeFrom(Facts(system_hash=0xAB, tools_hash=2**63, max_output_tokens=64))
    told.classification.MergeFrom(
        Classification(lane="long", prompt_tokens=11, output_tokens=60, typical_output_tokens=20)
    )
    told.MergeFrom(UsageEvent(queue_wait_us=7, first_data_us=9, worker="short-1", engine_preemptions=3, moved=True))
    found = row_of("demo", told, Wanted(), Recorded())
    assert found == Row(
        5_000, 10, 3, "demo", "sim", "short",
        endpoint="completions", system="00000000000000ab", tools="8000000000000000", max_output=64,
        prompt_budget=11, output_budget=60, typical_output=20, waited_in="long", queue_wait_us=7, first_data_us=9,
        worker="short-1", engine_preemptions=3, moved=True,
    )  # fmt: skip
    assert found is not None
    assert msgspec.json.decode(msgspec.json.encode(found), type=Row) == found


def test_events_of_older_versions_have_budgets_of_their_own() -> None:
    told = event()
    told.MergeFrom(UsageEvent(estimated_prompt_tokens=12, budget_output_tokens=512))
    found = row_of("demo", told, Wanted(), Recorded())
    assert found is not None
    assert (found.prompt_budget, found.output_budget, found.waited_in) == (12, 512, "")


def test_what_is_not_wanted_or_says_too_little_is_left_out() -> None:
    recorded = Recorded()
    assert row_of("demo", event(model="other"), Wanted(model="sim"), recorded) is None
    assert row_of("demo", event(4_999), Wanted(since_unix_ms=5_000), recorded) is None
    assert recorded == Recorded()
    assert row_of("demo", event(estimated=True), Wanted(counted_only=True), recorded) is None
    assert row_of("demo", event(0), Wanted(), recorded) is None
    assert row_of("demo", event(2**62), Wanted(), recorded) is None
    assert recorded == Recorded(left_out=1, unreadable=2)


@given(st.lists(st.integers(0, 50)), st.integers(1, 20))
def test_no_row_is_lost_and_those_not_far_from_their_place_are_sorted(times: list[int], held: int) -> None:
    ordered = ByAcceptance(held)
    found = [given for given in map(ordered.take, map(row, times)) if given is not None]
    assert len(found) == max(0, len(times) - held)
    found += ordered.rest()
    assert sorted(each.timestamp for each in found) == sorted(times)
    if len(times) <= held:
        assert [each.timestamp for each in found] == sorted(times)


@given(st.lists(st.integers(0, 9), max_size=100))
def test_what_ended_a_little_later_is_put_back(delays: list[int]) -> None:
    ended = sorted(range(len(delays)), key=lambda index: index + delays[index])
    ordered = ByAcceptance(10)
    found = [given for given in map(ordered.take, map(row, ended)) if given is not None]
    assert [each.timestamp for each in [*found, *ordered.rest()]] == list(range(len(delays)))
