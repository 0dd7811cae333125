"""What may be changed starts, differs, and keeps the rules that lanes share."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.fleet.plan.analytic import ENGINE, HARDWARE
from tokenlane_fleet.plan.design import Candidate, Design, Engine, fleet, one_pool
from tokenlane_fleet.plan.moves import SEQUENCES, STEP_BUDGETS, moves, startable, with_step_budget
from tokenlane_fleet.plan.policies import (
    DEADLINE,
    FEWEST_REQUESTS,
    FIFO,
    LEAST_WORK,
    STEALING,
    lanes,
    paper_lanes,
    paper_pool,
    starting_engines,
    stealing,
    vllm_defaults,
)
from tokenlane_fleet.sim.fleet import Pull

ENGINES = st.builds(
    Engine,
    st.just(HARDWARE.max_model_len),
    st.sampled_from([count for count in SEQUENCES if count <= 256]),
    st.sampled_from(STEP_BUDGETS),
    st.sampled_from((0, 128, 256)),
)
DISPATCHES = st.sampled_from((FIFO, DEADLINE, STEALING, LEAST_WORK, FEWEST_REQUESTS))
DESIGNS = st.builds(one_pool, ENGINES, DISPATCHES) | st.builds(
    lambda bound, engine, rule: lanes((bound,), (engine, engine), rule),
    st.sampled_from((512, 4096)),
    ENGINES,
    DISPATCHES,
)


@given(DESIGNS)
def test_every_change_is_another_fleet_that_starts(design: Design) -> None:
    at = Candidate(design, (3,) * len(design.lanes))
    changed = [other for move in moves(design, HARDWARE) for other in move(at)]
    assert changed
    assert at not in changed
    assert all(sum(other.replicas) == sum(at.replicas) for other in changed)
    for other in changed:
        if other.design.apart:
            for index in range(len(other.replicas)):
                fleet(other.design.alone(index), (1,), HARDWARE)
        else:
            fleet(other.design, other.replicas, HARDWARE)


@given(ENGINES, st.sampled_from(STEP_BUDGETS))
def test_a_chunk_keeps_its_proportion_to_the_step_budget(engine: Engine, tokens: int) -> None:
    other = with_step_budget(engine, tokens)
    chunk = engine.long_prefill_token_threshold * tokens // engine.max_num_batched_tokens
    assert other.long_prefill_token_threshold == chunk
    assert startable(other, HARDWARE)


def test_lanes_of_one_queue_change_its_rules_together() -> None:
    at = Candidate(lanes((1024,), (ENGINE, ENGINE), STEALING), (1, 1))
    changed = [other for move in moves(at.design, HARDWARE) for other in move(at)]
    assert all(len({lane.engine.prefill_cap for lane in other.design.lanes}) == 1 for other in changed)
    assert any(other.design.lanes[0].engine.prefill_cap for other in changed)


def test_only_what_a_dispatch_has_is_changed() -> None:
    pushed = Candidate(one_pool(ENGINE, FEWEST_REQUESTS), (2,))
    engines = [other.design.lanes[0].engine for move in moves(pushed.design, HARDWARE) for other in move(pushed)]
    assert {(engine.kv_overcommit, engine.prefill_cap) for engine in engines} == {(1.0, 0)}


@pytest.mark.parametrize("dispatch", [FIFO, DEADLINE, LEAST_WORK])
def test_each_search_begins_at_as_many_engines(dispatch: Pull) -> None:
    engines = starting_engines(HARDWARE, dispatch)
    assert len(engines) == 12
    assert all(startable(engine, HARDWARE) for engine in engines)


def test_the_fixed_designs_are_what_they_are_called() -> None:
    (paper,) = paper_pool(HARDWARE).lanes
    assert (paper.engine.max_model_len, paper.engine.max_num_seqs) == (HARDWARE.max_model_len, 16)
    short, long = paper_lanes(HARDWARE).lanes
    assert (short.up_to_tokens, short.engine.max_model_len, short.engine.max_num_seqs) == (8192, 8192, 128)
    assert (long.up_to_tokens, long.engine.max_num_seqs) == (None, 16)
    (plain,) = vllm_defaults(HARDWARE).lanes
    assert (plain.engine.max_num_seqs, plain.engine.max_num_batched_tokens) == (256, 2048)


def test_lanes_that_help_each_other_try_each_lanes_rules() -> None:
    one, other = Engine(32_768, 64, 512, 0, 1.5, 1024), Engine(32_768, 64, 512, 0, 1.0, 0)
    found = stealing(lanes((1024,), (one, other), FIFO))
    assert [{lane.engine.prefill_cap for lane in design.lanes} for design in found] == [{1024}, {0}]
