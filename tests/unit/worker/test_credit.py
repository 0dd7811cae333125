"""KV credit never promises more than the engine holds."""

from hypothesis import given
from hypothesis import strategies as st

from tokenlane_worker.credit import NOTHING, Capacity, Cost, Sizes, cost_of, fits, minus, plus, pull_target

CAPACITIES = st.builds(
    Capacity, tokens=st.integers(1, 10**6), sequences=st.integers(1, 256), largest=st.integers(1, 10**5)
)


@given(CAPACITIES, st.lists(st.tuples(st.integers(1, 10**5), st.integers(1, 10**5), st.integers(1, 4)), max_size=60))
def test_what_was_admitted_fits_unless_it_is_alone(capacity: Capacity, asks: list[tuple[int, int, int]]) -> None:
    load, admitted = NOTHING, 0
    for prompt, output, choices in asks:
        cost = cost_of(prompt, output, choices, capacity)
        if fits(capacity, load, cost):
            load, admitted = plus(load, cost), admitted + 1
    assert admitted <= 1 or (load.tokens <= capacity.tokens and load.sequences <= capacity.sequences)


@given(CAPACITIES, st.lists(st.integers(1, 10**5), max_size=40))
def test_all_that_was_pulled_fits_but_for_one_that_is_held(capacity: Capacity, sizes: list[int]) -> None:
    load = NOTHING
    while sizes and (target := pull_target(capacity, load)) > 0:
        arrived = [cost_of(0, sizes.pop(), 1, capacity) for _ in range(min(target, len(sizes)))]
        for cost in arrived:
            if not fits(capacity, load, cost):
                assert len(arrived) == 1
                return
            load = plus(load, cost)


def test_an_idle_engine_takes_what_is_larger_than_itself() -> None:
    assert fits(Capacity(100, 8, 1000), NOTHING, Cost(1000, 1))


def test_a_request_never_costs_more_than_the_context_allows() -> None:
    assert cost_of(10, 10_000, 2, Capacity(100_000, 8, 1000)) == Cost(2000, 2)


@given(st.builds(Cost, st.integers(0, 10**6), st.integers(0, 100)), st.builds(Cost, st.integers(0, 10**6), st.just(1)))
def test_giving_back_undoes_taking(load: Cost, cost: Cost) -> None:
    assert minus(plus(load, cost), cost) == load


def test_a_request_is_counted_with_a_part_of_its_output() -> None:
    capacity = Capacity(100_000, 8, 1000)
    assert cost_of(100, 301, 1, capacity) == Cost(221, 1)
    assert cost_of(100, 300, 3, capacity) == Cost(220, 3)


def test_as_many_are_asked_for_as_fit_by_what_is_known_of_their_size() -> None:
    capacity = Capacity(8000, 128, 4000)
    assert pull_target(capacity, NOTHING) == 2
    assert pull_target(capacity, NOTHING, 50) == 128
    assert pull_target(capacity, Cost(7000, 10), 500) == 2
    assert pull_target(capacity, Cost(7900, 10), 500, 100) == 1
    assert pull_target(capacity, Cost(7960, 10), 500, 100) == 0, "most would not fit"
    assert pull_target(capacity, NOTHING, 9000, 9000) == 1
    assert pull_target(capacity, Cost(7960, 10)) == 1


def test_a_large_request_is_remembered_for_a_while() -> None:
    sizes = Sizes()
    assert (sizes.most("long"), sizes.usual("long")) == (0, 0)
    for tokens in (100, 1000, 100):
        sizes.seen("long", Cost(tokens, 1))
    assert (sizes.most("long"), sizes.usual("long")) == (910, 181)
    for _ in range(100):
        sizes.seen("long", Cost(100, 1))
    assert (sizes.most("long"), sizes.most("short")) == (100, 0)
    assert (sizes.usual("long"), sizes.usual("short")) == (100, 0)


def test_what_is_shared_takes_no_room() -> None:
    sizes = Sizes()
    sizes.seen("long", Cost(1000, 1), shared=900)
    assert (sizes.most("long"), sizes.usual("long")) == (1000, 100)
