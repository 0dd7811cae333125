"""What is recommended, and what is said of it."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tokenlane_fleet.plan.idle import OutOfReach
from tokenlane_fleet.plan.report import BoundaryPoint, ClassFigures, Option, PoolPlan
from tokenlane_fleet.plan.settings import STRATEGIES
from tokenlane_fleet.plan.verdict import NOT_TODAY, recommended, unreachable, verdict
from tokenlane_fleet.plan.words import DISPATCH, TITLES, milliseconds

CLASSES = (ClassFigures("short", 900, 1.0, 0.1, 0.3, 0.02, 0.03), ClassFigures("long", 100, 1.0, 0.2, 0.9, 0.02, 0.04))


def option(key: str, replicas: int, headroom: float = 1.1, meets: bool = True) -> Option:
    bounds = {"two": (2048, None), "three": (1024, 4096, None), "elastic": (2048, None)}.get(key, (None,))
    counts = [replicas - len(bounds) + 1, *([1] * (len(bounds) - 1))]
    pools = tuple(
        PoolPlan("lane", bound, count, 8192, 64, 512, 0, 1.0, 0, ())
        for bound, count in zip(bounds, counts, strict=True)
    )
    gpus = 4 * replicas
    return Option(
        key,
        TITLES[key],
        "",
        pools,
        meets,
        replicas,
        gpus,
        gpus * 1.0,
        gpus * 2.0,
        gpus * 2.0,
        0.5,
        CLASSES,
        0,
        0.0,
        0,
        0,
        (),
        headroom,
    )


def said(*options: Option, points: tuple[BoundaryPoint, ...] = ()) -> str:
    return " ".join(verdict(options, points, recommended(options)))


def test_every_strategy_is_described() -> None:
    assert set(TITLES) == set(DISPATCH) == set(STRATEGIES)
    assert all(len(title) <= 24 for title in TITLES.values())


def test_fewest_gpus_win() -> None:
    assert recommended([option("paper", 9), option("one", 5), option("two", 4)]) == "two"


def test_of_equals_one_pool_wins_then_clear_head_room_then_the_simplest() -> None:
    assert recommended([option("two", 5, 2.0), option("one", 5, 1.2)]) == "one"
    assert recommended([option("defaults", 5, 1.2), option("one", 5, 1.2)]) == "one"
    assert recommended([option("one-push", 5, 1.4), option("one", 5, 1.2)]) == "one-push"
    assert recommended([option("three", 5, 1.2), option("two", 5, 1.2), option("one", 6)]) == "two"


@given(st.lists(st.tuples(st.sampled_from(STRATEGIES), st.integers(3, 9), st.booleans()), unique_by=lambda of: of[0]))
def test_what_is_recommended_keeps_and_exists_and_is_cheapest(of: list[tuple[str, int, bool]]) -> None:
    options = [option(key, replicas, meets=meets) for key, replicas, meets in of]
    best = recommended(options)
    fit = [entry for entry in options if entry.meets_slo and entry.key not in NOT_TODAY]
    assert (best is None) == (not fit)
    if best is not None:
        assert min(entry.gpus for entry in fit) == next(entry.gpus for entry in fit if entry.key == best)
    assert all(sentence.endswith(".") for sentence in verdict(options, (), best))


def test_one_pool_is_said_to_be_better_where_it_is() -> None:
    text = said(option("paper", 10), option("defaults", 6), option("one", 5), option("two", 6))
    assert "Take one pool, tuned, pull: 5 replicas, 20 GPUs, 40.00 $/h" in text
    assert "the paper's pool: 20 GPUs fewer (50 %); vLLM's defaults: 4 GPUs fewer (17 %)" in text
    assert "One pool is better here: fixed lanes need 4 GPUs more." in text


def test_lanes_that_keep_more_load_but_save_no_gpu_are_said_to() -> None:
    assert "save no GPU, so one pool is simpler" in said(option("one", 5, 1.1), option("two", 5, 1.4))


def test_lanes_are_compared_with_the_tuned_pool() -> None:
    text = said(option("one", 5), option("two", 4))
    assert "Take two lanes, tuned (up to 2,048 tokens; 3 + 1): 4 replicas, 16 GPUs" in text
    assert "the tuned single pool: 4 GPUs fewer (20 %)" in text


def test_tails_that_differ_are_named() -> None:
    slow = replace(CLASSES[0], tpot_p99_s=0.06)
    text = said(replace(option("one", 5), classes=(slow, CLASSES[1])), option("two", 5))
    assert "short P99 a token 30 ms against 60 ms" in text
    assert "long P99" not in text


def test_a_strategy_that_never_keeps_them_is_said_to() -> None:
    assert "none of up to 64 replicas" in said(
        option("paper", 64, 0.5, meets=False), option("one", 5), option("two", 6)
    )


def test_the_closed_form_stands_beside_the_simulation() -> None:
    point = BoundaryPoint(2048, 3, 2, 20, 40.0, True, 0.8, 2.0, 0.4, 0.0, 0.1)
    text = said(option("one", 5), option("two", 5), points=(point,))
    assert "0.80 x (1 - 1/2.00) says 40 % saved against the tuned pool; simulated: 0 %, and 10 % before" in text
    assert "it keeps 0.40 times as many" in text
    agreed = replace(point, unrounded=0.4)
    assert "times as many" not in said(option("one", 5), option("two", 5), points=(agreed,))


def test_what_tokenlane_does_not_do_is_named_but_not_recommended() -> None:
    text = said(option("one", 5), option("two", 5), option("elastic", 4), option("one-deadline", 4, 1.3))
    assert text.startswith("Take one pool")
    assert "Not in tokenlane today: one pool in deadline order would take 16 GPUs and keep 1.30" in text
    assert "elastic lanes in deadline order would take 16 GPUs" in text


def test_why_no_fleet_does() -> None:
    (slow, long) = unreachable(
        [OutOfReach("short", "tpot", 0.0171, 0.01, 1.0), OutOfReach("long", "context", 0, 0, 0.5)], 0.99
    )
    assert "an idle engine alone takes 17 ms a token after the first, and the limit is 10 ms" in slow
    assert "50 % of its prompts do not fit" in long
    assert verdict((), (), None)


def test_times_are_read_easily() -> None:
    assert (milliseconds(0.0441), milliseconds(2.51)) == ("44 ms", "2.5 s")
