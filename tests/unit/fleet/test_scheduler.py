"""Scenarios computed by hand: blocks of 4 tokens, a few sequences."""

import pytest

from tokenlane_fleet import Request, RequestError, Scheduler, SchedulerLimits, StepOutcome

A, B, C = 1, 2, 3


def limits(
    *,
    blocks: int = 100,
    seqs: int = 8,
    budget: int = 16,
    context: int = 64,
    threshold: int = 0,
    full: bool = True,
    watermark: float = 0.0,
) -> SchedulerLimits:
    """`blocks` are the usable ones."""
    return SchedulerLimits(
        num_blocks=blocks + 1,
        block_size=4,
        max_num_seqs=seqs,
        max_num_batched_tokens=budget,
        max_model_len=context,
        long_prefill_token_threshold=threshold,
        reserve_full_prompt=full,
        watermark=watermark,
    )


def scheduler_with(limits: SchedulerLimits, *requests: tuple[int, int, int]) -> Scheduler:
    scheduler = Scheduler(limits)
    for request_id, prompt, output in requests:
        scheduler.add(Request(request_id, prompt, output))
    return scheduler


def work(outcome: StepOutcome) -> dict[int, int]:
    return dict(zip(outcome.scheduled, outcome.scheduled_tokens, strict=True))


def test_a_long_prompt_is_computed_in_chunks_of_the_step_budget() -> None:
    scheduler = scheduler_with(limits(budget=10), (A, 25, 3))
    outcomes = [scheduler.step() for _ in range(5)]
    assert [outcome.scheduled_tokens for outcome in outcomes] == [[10], [10], [5], [1], [1]]
    assert [outcome.emitted for outcome in outcomes] == [[], [], [A], [A], [A]]
    assert outcomes[-1].finished == [A]
    assert scheduler.free_blocks == 100
    assert not scheduler.has_work()


def test_blocks_are_taken_as_tokens_need_them() -> None:
    scheduler = scheduler_with(limits(budget=10), (A, 7, 4))
    used = []
    for _ in range(3):
        scheduler.step()
        used.append(100 - scheduler.free_blocks)
    assert used == [2, 2, 3]  # 7, 8 and 9 tokens computed


def test_running_sequences_come_before_waiting_ones() -> None:
    scheduler = scheduler_with(limits(budget=10), (A, 4, 5))
    scheduler.step()
    scheduler.add(Request(B, 20, 1))
    assert work(scheduler.step()) == {A: 1, B: 9}
    assert work(scheduler.step()) == {A: 1, B: 9}
    assert work(scheduler.step()) == {A: 1, B: 2}


def test_what_the_budget_leaves_goes_to_the_next_in_line() -> None:
    scheduler = scheduler_with(limits(budget=10), (A, 6, 1), (B, 6, 1), (C, 6, 1))
    assert work(scheduler.step()) == {A: 6, B: 4}
    assert work(scheduler.step()) == {B: 2, C: 6}


def test_a_long_prefill_is_capped_beside_others_but_not_alone() -> None:
    scheduler = scheduler_with(limits(threshold=4), (A, 30, 1))
    assert work(scheduler.step()) == {A: 16}
    scheduler.add(Request(B, 9, 1))
    assert work(scheduler.step()) == {A: 4, B: 4}


def test_no_more_sequences_run_than_max_num_seqs() -> None:
    scheduler = scheduler_with(limits(seqs=2), (A, 2, 1), (B, 2, 2), (C, 2, 1))
    assert work(scheduler.step()) == {A: 2, B: 2}
    assert (scheduler.num_running, scheduler.num_waiting) == (1, 1)
    assert work(scheduler.step()) == {B: 1, C: 2}


def test_the_latest_is_preempted_and_computed_again_with_what_it_had_generated() -> None:
    scheduler = scheduler_with(limits(blocks=4, context=16), (A, 4, 8), (B, 4, 8))
    for _ in range(5):
        assert scheduler.step().emitted == [A, B]
    scheduler.add(Request(C, 1, 1))

    outcome = scheduler.step()  # A needs a third block, and none is free
    assert outcome.preempted == [B]
    assert work(outcome) == {A: 1}  # C would fit, but nothing is admitted in this step
    assert scheduler.free_blocks == 1

    assert work(scheduler.step()) == {A: 1}  # B's 9 tokens need three blocks; C waits behind it
    assert scheduler.step().finished == [A]
    outcome = scheduler.step()
    assert work(outcome) == {B: 9, C: 1}  # 4 prompt tokens and 5 generated ones, again
    assert outcome.batch.prefill_tokens == 10
    assert outcome.emitted == [B, C]
    assert [scheduler.step().emitted for _ in range(2)] == [[B], [B]]
    assert not scheduler.has_work()
    assert scheduler.totals.preemptions == 1
    assert scheduler.totals.generation_tokens == 17
    assert scheduler.totals.prompt_tokens == 9  # each prompt counted once


def test_the_latest_may_have_to_preempt_itself() -> None:
    scheduler = scheduler_with(limits(blocks=3, context=12), (A, 5, 3), (B, 4, 3))
    assert work(scheduler.step()) == {A: 5, B: 4}
    outcome = scheduler.step()
    assert outcome.preempted == [B]
    assert work(outcome) == {A: 1}


def test_nothing_is_admitted_in_a_step_that_preempts() -> None:
    scheduler = scheduler_with(limits(blocks=4, context=16, threshold=3, full=False), (A, 4, 8), (B, 4, 8))
    assert work(scheduler.step()) == {A: 3, B: 3}
    for _ in range(5):
        assert scheduler.step().emitted == [A, B]
    outcome = scheduler.step()
    assert outcome.preempted == [B]
    assert work(outcome) == {A: 1}  # a first chunk of B would fit into the free block at once
    assert work(scheduler.step()) == {A: 1, B: 3}


@pytest.mark.parametrize(("full", "expected"), [(True, {A: 16}), (False, {A: 16, B: 8})])
def test_a_prompt_is_admitted_when_all_of_it_fits_or_just_its_first_chunk(full: bool, expected: dict[int, int]) -> None:
    bounds = limits(blocks=7, context=28, budget=24, full=full)  # B's 16 tokens need 4 blocks, A leaves 3
    assert work(scheduler_with(bounds, (A, 16, 2), (B, 16, 2)).step()) == expected


def test_the_watermark_is_kept_free_beside_others_but_not_alone() -> None:
    bounds = limits(blocks=10, context=40, budget=40, watermark=0.2)  # 2 blocks
    assert work(scheduler_with(bounds, (A, 36, 1)).step()) == {A: 36}
    assert work(scheduler_with(bounds, (A, 16, 1), (B, 16, 1)).step()) == {A: 16, B: 16}
    assert work(scheduler_with(bounds, (A, 16, 1), (B, 20, 1)).step()) == {A: 16}


def test_an_abort_frees_the_blocks_and_the_place_in_line() -> None:
    scheduler = scheduler_with(limits(seqs=1), (A, 8, 5), (B, 8, 5), (C, 8, 5))
    scheduler.step()
    assert scheduler.abort(A)
    assert scheduler.abort(B)
    assert scheduler.free_blocks == 100
    assert work(scheduler.step()) == {C: 8}
    assert not scheduler.abort(A)


def test_the_context_cuts_the_output() -> None:
    scheduler = scheduler_with(limits(context=8), (A, 6, 100))
    assert [scheduler.step().finished for _ in range(2)] == [[], [A]]


def test_the_batch_says_what_the_step_computes() -> None:
    scheduler = scheduler_with(limits(budget=10), (A, 4, 5))
    scheduler.step()
    scheduler.add(Request(B, 20, 1))
    scheduler.step()
    batch = scheduler.step().batch
    assert (batch.prefill_tokens, batch.decode_seqs, batch.num_seqs, batch.tokens) == (9, 1, 2, 10)
    assert batch.context_tokens == 6 + 18
    assert batch.attention_pairs == 9 * 9 + 45  # 9 tokens see the 9 before them, and each other


def test_an_idle_step_is_empty() -> None:
    outcome = Scheduler(limits()).step()
    assert outcome.scheduled == []
    assert outcome.batch.num_seqs == 0


@pytest.mark.parametrize(("prompt", "output"), [(0, 1), (1, 0), (64, 1)])
def test_requests_that_cannot_run_are_refused(prompt: int, output: int) -> None:
    with pytest.raises(RequestError):
        Scheduler(limits()).add(Request(A, prompt, output))


def test_an_id_is_taken_while_its_request_lives() -> None:
    scheduler = scheduler_with(limits(), (A, 4, 1))
    with pytest.raises(RequestError, match="already"):
        scheduler.add(Request(A, 4, 1))
    scheduler.step()
    scheduler.add(Request(A, 4, 1))
