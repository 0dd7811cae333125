"""What holds for every engine and every workload."""

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from tokenlane_fleet import Request, Scheduler, SchedulerLimits, StepOutcome


@dataclass(frozen=True)
class Arrival:
    step: int
    prompt: int
    output: int
    abort_after: int | None


@dataclass
class Run:
    scheduler: Scheduler
    outcomes: list[StepOutcome] = field(default_factory=list)
    aborted: set[int] = field(default_factory=set)
    computed: dict[int, int] = field(default_factory=dict)


@st.composite
def engines(draw: st.DrawFn) -> SchedulerLimits:
    block_size = draw(st.sampled_from([1, 4, 16]))
    usable = draw(st.integers(4, 40))
    seqs = draw(st.integers(1, 12))
    return SchedulerLimits(
        num_blocks=usable + 1,
        block_size=block_size,
        max_num_seqs=seqs,
        max_num_batched_tokens=draw(st.integers(seqs, 100)),
        max_model_len=draw(st.integers(3, usable * block_size)),
        long_prefill_token_threshold=draw(st.sampled_from([0, 0, 3, 20])),
        reserve_full_prompt=draw(st.booleans()),
        watermark=draw(st.sampled_from([0.0, 0.0, 0.2])),
    )


def workloads(aborts: bool = True) -> st.SearchStrategy[list[Arrival]]:
    abort = st.none() | st.integers(0, 20) if aborts else st.none()
    return st.lists(
        st.builds(Arrival, st.integers(0, 30), st.integers(1, 200), st.integers(1, 60), abort), min_size=1, max_size=25
    )


def drive(limits: SchedulerLimits, workload: list[Arrival], check: bool = True) -> Run:
    run = Run(Scheduler(limits))
    last = max(arrival.step for arrival in workload)
    while run.scheduler.has_work() or len(run.outcomes) <= last:
        now = len(run.outcomes)
        for request_id, arrival in enumerate(workload):
            if arrival.step == now:
                prompt = min(arrival.prompt, limits.max_model_len - 1)
                run.scheduler.add(Request(request_id, prompt, arrival.output))
            due = arrival.abort_after is not None and arrival.step + arrival.abort_after == now
            if due and run.scheduler.abort(request_id):
                run.aborted.add(request_id)
                run.computed.pop(request_id, None)
        run.outcomes.append(run.scheduler.step())
        follow(run)
        if check:
            check_step(limits, run)
        assert now < 50_000, "no progress"
    return run


def follow(run: Run) -> None:
    """Account for the last step from the outside, by what the outcome says."""
    outcome = run.outcomes[-1]
    for request_id in outcome.preempted:
        run.computed.pop(request_id)
    for request_id, tokens in zip(outcome.scheduled, outcome.scheduled_tokens, strict=True):
        run.computed[request_id] = run.computed.get(request_id, 0) + tokens
    for request_id in outcome.finished:
        run.computed.pop(request_id)


def check_step(limits: SchedulerLimits, run: Run) -> None:
    outcome, scheduler = run.outcomes[-1], run.scheduler
    used = sum(-(-tokens // limits.block_size) for tokens in run.computed.values())
    assert used == limits.usable_blocks - scheduler.free_blocks
    assert 0 <= used <= limits.usable_blocks
    assert sum(outcome.scheduled_tokens) <= limits.max_num_batched_tokens
    assert all(tokens > 0 for tokens in outcome.scheduled_tokens)
    assert scheduler.num_running <= limits.max_num_seqs
    assert len(set(outcome.scheduled)) == len(outcome.scheduled) <= limits.max_num_seqs
    assert not (outcome.preempted and outcome.admitted)
    assert not set(outcome.preempted) & set(outcome.scheduled)
    assert outcome.batch.tokens == sum(outcome.scheduled_tokens)
    if scheduler.num_running:
        assert outcome.scheduled, "running requests stand still"


def expected_output(limits: SchedulerLimits, arrival: Arrival) -> int:
    prompt = min(arrival.prompt, limits.max_model_len - 1)
    return min(arrival.output, limits.max_model_len - prompt)


def emitted(run: Run, request_id: int) -> int:
    return sum(outcome.emitted.count(request_id) for outcome in run.outcomes)


@settings(deadline=None, max_examples=150)
@given(engines(), workloads())
def test_limits_hold_at_every_step_and_everything_ends(limits: SchedulerLimits, workload: list[Arrival]) -> None:
    run = drive(limits, workload)
    assert run.scheduler.free_blocks == limits.usable_blocks
    finished = [request_id for outcome in run.outcomes for request_id in outcome.finished]
    assert sorted([*finished, *run.aborted]) == list(range(len(workload)))
    for request_id in finished:
        assert emitted(run, request_id) == expected_output(limits, workload[request_id])


@settings(deadline=None, max_examples=100)
@given(engines(), workloads(aborts=False))
def test_requests_are_first_admitted_in_order_of_arrival(limits: SchedulerLimits, workload: list[Arrival]) -> None:
    workload = sorted(workload, key=lambda arrival: arrival.step)
    run = drive(limits, workload, check=False)
    admitted = list(dict.fromkeys(request_id for outcome in run.outcomes for request_id in outcome.admitted))
    assert admitted == list(range(len(workload)))


@settings(deadline=None, max_examples=50)
@given(engines(), workloads())
def test_the_same_workload_is_scheduled_the_same(limits: SchedulerLimits, workload: list[Arrival]) -> None:
    assert drive(limits, workload, check=False).outcomes == drive(limits, workload, check=False).outcomes


@settings(deadline=None, max_examples=50)
@given(engines(), workloads(aborts=False))
def test_preemption_costs_recomputation_and_nothing_else(limits: SchedulerLimits, workload: list[Arrival]) -> None:
    """Tokens computed = what the requests need + what preempted ones had computed and lost."""
    run = drive(limits, workload, check=False)
    needed = sum(
        min(arrival.prompt, limits.max_model_len - 1) + expected_output(limits, arrival) - 1 for arrival in workload
    )
    scheduled = sum(sum(outcome.scheduled_tokens) for outcome in run.outcomes)
    preempted = sum(len(outcome.preempted) for outcome in run.outcomes)
    assert run.scheduler.totals.preemptions == preempted
    assert scheduled >= needed
    if not preempted:
        assert scheduled == needed
