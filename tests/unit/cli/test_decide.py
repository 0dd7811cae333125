"""What the supervisor decides."""

from hypothesis import given
from hypothesis import strategies as st

from tokenlane_cli.stack.decide import (
    LONGEST_RETRY_S,
    STABLE_AFTER_S,
    AddWorker,
    Forget,
    Kill,
    Phase,
    RestartLater,
    Seen,
    Spawn,
    Terminate,
    decide,
    retry_delay_s,
)

NOW = 1_000.0
GRACE = 30.0


def worker(number: int, phase: Phase = Phase.READY, since: float = 0.0, asked: bool = False) -> Seen:
    return Seen(f"worker-short-{number}", phase, since, lane="short", asked_to_stop=asked)


def test_nothing_to_do_when_all_is_as_wanted() -> None:
    assert decide([Seen("ingress", Phase.READY, 0.0), worker(1)], {"short": 1}, NOW, GRACE) == []


def test_a_lane_without_a_wish_is_left_alone() -> None:
    assert decide([worker(1), worker(2)], {}, NOW, GRACE) == []


def test_missing_workers_are_added() -> None:
    assert decide([worker(1)], {"short": 3, "long": 1}, NOW, GRACE) == [
        AddWorker("short"),
        AddWorker("short"),
        AddWorker("long"),
    ]


def test_a_draining_worker_does_not_count_as_capacity() -> None:
    assert decide([worker(1, Phase.STOPPING, NOW, asked=True)], {"short": 1}, NOW, GRACE) == [AddWorker("short")]


def test_surplus_workers_that_do_not_serve_yet_go_first_then_the_youngest() -> None:
    workers = [worker(1, since=10), worker(2, since=900), worker(3, Phase.STARTING, since=5), worker(4, since=500)]
    assert decide(workers, {"short": 1}, NOW, GRACE) == [
        Terminate("worker-short-3"),
        Terminate("worker-short-2"),
        Terminate("worker-short-4"),
    ]


def test_crashes_in_a_row_wait_longer_and_a_stable_run_forgives_them() -> None:
    def crash(crashes: int, ran_s: float) -> RestartLater:
        seen = Seen("ingress", Phase.EXITED, NOW, crashes=crashes, ran_s=ran_s)
        (action,) = decide([seen], {}, NOW, GRACE)
        assert isinstance(action, RestartLater)
        return action

    assert [crash(count, 1.0).at - NOW for count in (0, 1, 2)] == [0.5, 1.0, 2.0]
    assert crash(9, 1.0).at - NOW == LONGEST_RETRY_S
    assert crash(9, STABLE_AFTER_S).crashes == 1


def test_a_waiting_process_is_run_again_when_its_time_has_come() -> None:
    waiting = Seen("ingress", Phase.WAITING, NOW - 1, retry_at=NOW)
    assert decide([waiting], {}, NOW - 0.1, GRACE) == []
    assert decide([waiting], {}, NOW, GRACE) == [Spawn("ingress")]


def test_a_process_that_does_not_end_in_time_is_killed() -> None:
    stopping = worker(1, Phase.STOPPING, since=NOW - GRACE - 1, asked=True)
    assert decide([stopping], {"short": 0}, NOW, GRACE) == [Kill("worker-short-1")]
    assert decide([worker(1, Phase.STOPPING, since=NOW - 1, asked=True)], {"short": 0}, NOW, GRACE) == []


def test_a_process_that_was_asked_to_stop_is_forgotten_not_restarted() -> None:
    assert decide([worker(1, Phase.EXITED, asked=True)], {"short": 0}, NOW, GRACE) == [Forget("worker-short-1")]


@given(
    phases=st.lists(st.tuples(st.sampled_from(list(Phase)), st.booleans(), st.floats(0, NOW)), max_size=8),
    wanted=st.integers(0, 8),
)
def test_the_number_of_staying_workers_becomes_the_wanted_one(
    phases: list[tuple[Phase, bool, float]], wanted: int
) -> None:
    seen = [worker(number, phase, since, asked) for number, (phase, asked, since) in enumerate(phases)]
    actions = decide(seen, {"short": wanted}, NOW, GRACE)
    staying = sum(1 for each in seen if not each.asked_to_stop)
    added = sum(isinstance(action, AddWorker) for action in actions)
    ended = {action.name for action in actions if isinstance(action, Terminate)}
    assert staying + added - len(ended) == wanted
    assert not ended & {each.name for each in seen if each.asked_to_stop}


@given(st.integers(1, 10_000))
def test_the_wait_is_bounded(crashes: int) -> None:
    assert 0 < retry_delay_s(crashes) <= LONGEST_RETRY_S
