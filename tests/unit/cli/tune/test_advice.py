"""The boundary that traffic asks for, what it would have brought, and when there is nothing to say."""

import io
import random
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from tests.unit.cli.tune.made import MONDAY_MS, engine, mixed, row, traffic_of
from tokenlane.v1.lane_pb2 import Boundaries, LaneProfile, LaneUpper
from tokenlane_cli.errors import UsageError
from tokenlane_cli.record.rows import LATEST_MS, Row
from tokenlane_cli.tune.analysis import Asked, Found, analyse
from tokenlane_cli.tune.arrivals import Arrivals
from tokenlane_cli.tune.compare_values import Outcome, burden, no_worse
from tokenlane_cli.tune.present import Given, Isolation, Known, present_lanes
from tokenlane_cli.tune.report import Report
from tokenlane_cli.tune.table import report_lines
from tokenlane_fleet.cost import StepCost

# Slow enough that a thousand requests keep four of them busy.
HARDWARE = engine(cost=StepCost(0.02, 0, 1e-4, 5e-5, 1e-7, 0))
ASKED = Asked(HARDWARE, Given("short:2048,long"), 4096, 0.2, 500, 10)
NOTHING = Known({})


def analysed(rows: list[Row], asked: Asked = ASKED, known: Known = NOTHING, stretch: bool = True) -> Report:
    arrivals = Arrivals()
    for each in rows:
        arrivals.add(each)
    traffic = traffic_of(rows)
    return analyse(Found("llama", traffic, known, arrivals.found() if stretch else None, "by hand", 0, ()), asked)


def test_chats_and_documents_are_worth_two_lanes() -> None:
    report = analysed(mixed(1_500, gap_ms=150))
    assert report.advice is not None
    assert report.comparison is not None
    assert len(report.advice.lanes) == 2
    assert report.advice.curve
    assert report.comparison.requests == 1_500
    assert sum(report.comparison.now.replicas) == 4
    assert all(sum(outcome.replicas) == 4 for outcome in report.comparison.with_same)
    titles = [report.comparison.now.title, *(outcome.title for outcome in report.comparison.with_same)]
    assert report.comparison.chosen in titles
    assert len(set(titles)) == len(titles)


def test_what_is_chosen_serves_no_worse_than_now() -> None:
    # All documents in the lane of chats: the worst boundary there is.
    asked = replace(ASKED, given=Given("short:65536,long"))
    report = analysed(mixed(1_500, gap_ms=120, boundary=65_536), asked)
    assert report.comparison is not None
    chosen = next(of for of in report.comparison.with_same if of.title == report.comparison.chosen)
    assert chosen.short_ttft_p99_s < report.comparison.now.short_ttft_p99_s
    assert report.verdict[0].startswith(("Move the boundary: short up to", "One lane is better"))
    assert "instead of" in report.verdict[1]


def test_uniform_traffic_needs_one_lane_or_stays() -> None:
    dice = random.Random(5)
    at, rows = float(MONDAY_MS), []
    for _ in range(1_500):
        at += dice.expovariate(1 / 100)
        rows.append(row(round(at), 1_000, 100, prompt_budget=1_000, typical_output=100, lane="short"))
    report = analysed(rows)
    assert report.advice is not None
    assert report.verdict[0].startswith(("One lane is better", "Keep"))


def test_an_idle_fleet_can_be_smaller() -> None:
    report = analysed(mixed(600, gap_ms=20_000))
    assert report.comparison is not None
    assert report.comparison.fewest is not None
    assert sum(report.comparison.fewest.replicas) < 4
    assert any("replicas fewer" in sentence for sentence in report.verdict)


def test_too_little_traffic_says_so_and_recommends_nothing() -> None:
    report = analysed(mixed(100, gap_ms=100))
    assert report.advice is None
    assert report.comparison is None
    assert report.verdict == ("Too little traffic to say anything: 100 requests, at least 500 are wanted.",)
    assert report.counted.requests == 100


def test_without_an_engine_there_is_a_boundary_but_no_simulation() -> None:
    report = analysed(mixed(600, gap_ms=100), replace(ASKED, hardware=None))
    assert report.comparison is None
    assert report.advice is not None
    assert all(lane.engine is None for lane in report.advice.lanes)
    assert any("ASSUMED" in note for note in report.notes)


def test_profiles_and_first_tokens_stand_in_for_an_engine() -> None:
    profile = LaneProfile(
        max_model_len=32_768, kv_capacity_tokens=100_000, max_num_seqs=64, max_num_batched_tokens=4_096, elastic=True
    )
    boundaries = Boundaries(lanes=[LaneUpper(lane="short", upper_tokens=2_048), LaneUpper(lane="long")])
    known = Known({"short": profile, "long": profile}, boundaries)
    report = analysed(mixed(600, gap_ms=100), replace(ASKED, hardware=None, given=Given()), known)
    assert report.comparison is not None
    assert "ASSUMED" in report.engine
    assert report.counted.lanes[0].up_to_tokens == 2_048
    assert report.counted.boundaries_from == "as the autoscaler has set it"


def test_what_cannot_be_simulated_is_said() -> None:
    report = analysed(mixed(600, gap_ms=100), stretch=False)
    assert report.advice is not None
    assert any("not simulated" in note for note in report.notes)


def test_the_traffic_shows_where_the_boundary_was() -> None:
    rows = mixed(2_000, 100)
    present = present_lanes(traffic_of(rows), NOTHING, Given(), MONDAY_MS, MONDAY_MS + 10**6)
    assert [lane.name for lane in present.lanes] == ["short", "long"]
    assert present.boundary == max(each.prompt_budget + 100 for each in rows if each.lane == "short")
    assert [lane.replicas for lane in present.lanes] == [2, 2]


@pytest.mark.parametrize("lanes", ["short", "short:1,long:2", "long,short:5", "a b:1,c", "short:0,long"])
def test_lanes_are_as_given_or_refused(lanes: str) -> None:
    traffic = traffic_of(mixed(10, 100))
    if lanes == "short":
        assert present_lanes(traffic, NOTHING, Given(lanes), 0, 1).uppers == (None,)
        return
    with pytest.raises(UsageError, match="--lanes"):
        present_lanes(traffic, NOTHING, Given(lanes), 0, 1)


def test_workers_and_isolation_are_as_given_or_refused() -> None:
    traffic = traffic_of(mixed(10, 100))
    present = present_lanes(traffic, NOTHING, Given("short:9,long", "3, 2", Isolation.STRICT), 0, 1)
    assert [(lane.replicas, lane.elastic) for lane in present.lanes] == [(3, False), (2, False)]
    for replicas in ("3", "3,0", "3,x", "1,2,3", "3,999"):
        with pytest.raises(UsageError, match="--replicas"):
            present_lanes(traffic, NOTHING, Given("short:9,long", replicas), 0, 1)


def test_strict_lanes_are_simulated_as_such() -> None:
    report = analysed(mixed(600, gap_ms=100), replace(ASKED, given=Given("short:2048,long", "", Isolation.STRICT)))
    assert report.advice is not None
    assert any("keep to their own" in note for note in report.notes)
    assert len(report.advice.lanes) == 2 or report.comparison is not None


OUTCOME = Outcome("now", 2048, (2, 2), 0.1, 1.0, 4.0, 2.0, 0.05, 0, 0)


@pytest.mark.parametrize(
    ("change", "better"),
    [
        ({"short_ttft_p99_s": 0.5}, True),
        ({"short_ttft_p99_s": 0.5, "long_ttft_p99_s": 8.0}, True),
        ({"short_ttft_p99_s": 0.9, "long_ttft_p99_s": 8.0}, False),
        ({"short_ttft_p99_s": 0.5, "tpot_p99_s": 0.12}, False),
        ({"short_ttft_p99_s": 0.1, "rejected": 1}, False),
    ],
)
def test_short_requests_count_most_but_not_alone(change: dict[str, float], better: bool) -> None:
    changed = replace(OUTCOME, **change)  # type: ignore[arg-type]
    assert (burden(changed, 0.08) < burden(OUTCOME, 0.08)) is better


def test_no_worse_is_within_what_draws_differ_by() -> None:
    assert no_worse(replace(OUTCOME, short_ttft_p99_s=1.04, tpot_p99_s=0.08), OUTCOME, 0.08)
    assert not no_worse(replace(OUTCOME, long_ttft_p99_s=4.5), OUTCOME, 0.08)
    assert not no_worse(replace(OUTCOME, rejected=1), OUTCOME, 0.08)


def test_the_busiest_stretch_keeps_its_budgets_and_times() -> None:
    arrivals = Arrivals(window=100)
    for number in range(10_000):
        gap = 1 if 6_000 <= number < 6_100 else 50
        at = MONDAY_MS + number * 50 - (50 - gap) * min(100, max(0, number - 6_000))
        arrivals.add(row(at, prompt=number + 1, output=1, prompt_budget=number, typical_output=7))
    found = arrivals.found()
    assert found is not None
    assert len(found.trace) == 100
    assert found.trace.arrival_s[0] == 0
    assert list(found.budgets) == [prompt + 6 for prompt in found.trace.prompt_tokens]
    assert found.from_ms == MONDAY_MS + 6_000 * 50
    assert found.to_ms - found.from_ms == round(found.trace.duration_s * 1000)
    assert Arrivals().found() is None


ROWS = st.lists(
    st.builds(
        row,
        at_ms=st.sampled_from((1, MONDAY_MS, MONDAY_MS + 1, MONDAY_MS + 10**10, LATEST_MS)),
        prompt=st.sampled_from((0, 1, 500, 40_000, 200_000)),
        output=st.sampled_from((0, 1, 50)),
        lane=st.sampled_from(("", "short", "long", "x.y")),
        waited_in=st.sampled_from(("", "short")),
        worker=st.sampled_from(("", "w1", "w2")),
        prompt_budget=st.sampled_from((0, 1, 9_999, 2**53)),
        output_budget=st.sampled_from((0, 3, 2**53)),
        queue_wait_us=st.sampled_from((0, 10**6, 2**53)),
        first_data_us=st.sampled_from((0, 2 * 10**6, 2**53)),
        engine_preemptions=st.sampled_from((0, 7, 2**53)),
        estimated=st.booleans(),
        moved=st.booleans(),
    ),
    min_size=1,
    max_size=12,
)


@settings(deadline=None, max_examples=25)
@given(ROWS, st.booleans(), st.sampled_from(("", "short:9,long", "a:100,b:5000,c")))
def test_whatever_was_recorded_there_is_a_report(rows: list[Row], hardware: bool, lanes: str) -> None:
    asked = replace(ASKED, given=Given(lanes), least_requests=1, hardware=HARDWARE if hardware else None)
    report = analysed(sorted(rows, key=lambda each: each.timestamp), asked)
    console = Console(file=io.StringIO(), width=80)
    for line in report_lines(report):
        console.print(line)
    assert report.verdict
    assert msgspec.json.encode(report)
