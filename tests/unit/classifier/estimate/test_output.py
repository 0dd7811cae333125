"""Output estimates learn what is asked for, lean on what is like it, and forget."""

import random

import pytest

from tokenlane_classifier.estimate.output import DEFAULT, OutputEstimates, OutputSettings
from tokenlane_classifier.estimate.route import Route

NOW = 1_700_000_000_000
HOUR = 3_600_000
PLAIN = Route("acme", "llama", 1, 0, 0, 0)
SETTINGS = OutputSettings()


def learned(known: OutputEstimates, route: Route, outputs: list[int], prompt: int = 500, began: int = NOW) -> int:
    """Teach outputs, one a second; the time after the last."""
    for index, output in enumerate(outputs):
        known.observe(route, prompt, output, began + index * 1_000)
    return began + len(outputs) * 1_000


def lognormal(median: float, sigma: float, count: int, seed: int = 1) -> list[int]:
    """Outputs."""
    rng = random.Random(seed)
    return [max(1, round(median * rng.lognormvariate(0.0, sigma))) for _ in range(count)]


def test_nothing_known_is_the_default() -> None:
    found = OutputEstimates(OutputSettings(default_tokens=300)).estimate(PLAIN, 500, NOW)
    assert found == (300, 300, DEFAULT, 0.0)


def test_the_client_s_limit_caps_the_default_and_what_was_learned() -> None:
    known = OutputEstimates(SETTINGS)
    assert known.estimate(PLAIN._replace(max_output_tokens=20), 500, NOW)[:2] == (20, 20)
    now = learned(known, PLAIN, lognormal(2_000, 0.2, 100))
    assert known.estimate(PLAIN._replace(max_output_tokens=20), 500, now)[:2] == (20, 20)


def test_the_budget_is_the_quantile_and_the_typical_output_the_median() -> None:
    known = OutputEstimates(SETTINGS)
    outputs = lognormal(200, 0.5, 600)
    now = learned(known, PLAIN, outputs)
    found = known.estimate(PLAIN, 500, now)
    ordered = sorted(outputs)
    assert found.typical == pytest.approx(ordered[300], rel=0.1)
    assert found.tokens == pytest.approx(ordered[540], rel=0.15)
    assert found.level != DEFAULT
    assert found.evidence > 100


def test_outputs_that_are_always_the_same_are_met_exactly_or_by_their_bin() -> None:
    known = OutputEstimates(SETTINGS)
    now = learned(known, PLAIN, [256] * 300)
    found = known.estimate(PLAIN, 500, now)
    assert 256 <= found.tokens <= 256 * 1.05
    assert found.typical == pytest.approx(256, rel=0.03)


def test_a_new_system_prompt_starts_from_its_tenant_and_then_goes_its_own_way() -> None:
    known = OutputEstimates(SETTINGS)
    now = NOW
    for round_ in range(20):
        for system in range(1, 6):
            now = learned(known, PLAIN._replace(system_hash=system), lognormal(400, 0.2, 5, round_), began=now)
    new = PLAIN._replace(system_hash=99)
    assert known.estimate(new, 500, now).typical == pytest.approx(400, rel=0.2)
    now = learned(known, new, lognormal(20, 0.2, 60), began=now)
    assert known.estimate(new, 500, now).typical == pytest.approx(20, rel=0.3)
    assert known.estimate(PLAIN._replace(system_hash=3), 500, now).typical == pytest.approx(400, rel=0.2)


def test_the_prompt_s_length_counts_where_it_tells_something() -> None:
    known = OutputEstimates(SETTINGS)
    now = NOW
    for index in range(300):
        now = learned(known, PLAIN, lognormal(50, 0.1, 1, index), prompt=400, began=now)
        now = learned(known, PLAIN, lognormal(800, 0.1, 1, index), prompt=3_000, began=now)
    assert known.estimate(PLAIN, 400, now).tokens < 100
    assert known.estimate(PLAIN, 3_000, now).typical > 600


def test_where_it_tells_nothing_budgets_hardly_depend_on_it() -> None:
    known, rng = OutputEstimates(SETTINGS), random.Random(5)
    now = NOW
    for output in lognormal(150, 1.0, 3_000):
        now = learned(known, PLAIN, [output], prompt=rng.randint(100, 4_000), began=now)
    budgets = sorted(known.estimate(PLAIN, rng.randint(100, 4_000), now).tokens for _ in range(200))
    assert budgets[180] < 2 * budgets[20]


def test_yesterday_fades() -> None:
    known = OutputEstimates(SETTINGS)
    now = learned(known, PLAIN, lognormal(1_000, 0.1, 500))
    now = learned(known, PLAIN, lognormal(50, 0.1, 40), began=now + 48 * HOUR)
    assert known.estimate(PLAIN, 500, now).typical < 70


def test_answers_that_max_tokens_cut_do_not_bound_those_without() -> None:
    known = OutputEstimates(SETTINGS)
    cut = PLAIN._replace(max_output_tokens=64)
    now = learned(known, PLAIN, lognormal(500, 0.1, 100))
    now = learned(known, cut, [64] * 100, began=now)
    assert known.estimate(PLAIN, 500, now).typical > 400
    assert known.estimate(cut, 500, now).tokens == 64


@pytest.mark.parametrize(("median", "sigma"), [(200, 0.3), (30, 1.0), (120, 2.0)])
def test_the_budget_covers_nine_in_ten(median: float, sigma: float) -> None:
    known, rng = OutputEstimates(SETTINGS), random.Random(3)
    covered = []
    for index, output in enumerate(lognormal(median, sigma, 3_000)):
        prompt, now = rng.randint(50, 8_000), NOW + index * 1_000
        covered.append(output <= known.estimate(PLAIN, prompt, now).tokens)
        known.observe(PLAIN, prompt, output, now)
    assert 0.89 <= sum(covered) / len(covered) <= 0.91


def test_it_covers_nine_in_ten_while_outputs_grow_and_shrink() -> None:
    known = OutputEstimates(SETTINGS)
    covered = []
    for index, output in enumerate(lognormal(100, 0.3, 4_000)):
        actual = output * (1 + abs(index - 2_000) // 100)
        now = NOW + index * 1_000
        covered.append(actual <= known.estimate(PLAIN, 500, now).tokens)
        known.observe(PLAIN, 500, actual, now)
    assert 0.885 <= sum(covered) / len(covered) <= 0.915


def test_a_route_whose_outputs_never_differ_does_not_lower_the_others_budgets() -> None:
    known = OutputEstimates(SETTINGS)
    same, other = PLAIN._replace(system_hash=1), PLAIN._replace(system_hash=2)
    covered = []
    for index, output in enumerate(lognormal(300, 0.6, 1_500)):
        now = NOW + index * 1_000
        known.observe(same, 200, 5, now)
        covered.append(output <= known.estimate(other, 500, now).tokens)
        known.observe(other, 500, output, now)
    assert 0.88 <= sum(covered[200:]) / len(covered[200:]) <= 0.92


def test_memory_is_bounded_and_what_is_used_most_is_kept() -> None:
    known = OutputEstimates(OutputSettings(most_keys=200))
    now = learned(known, PLAIN, [100] * 100)
    for index in range(2_000):
        known.observe(Route(f"tenant-{index}", "llama", 1, index, 0, 0), 500, 900, now + index)
        assert len(known) <= 200
    assert known.estimate(PLAIN, 500, now + 2_000).tokens < 150


def test_time_that_runs_backwards_is_borne() -> None:
    known = OutputEstimates(SETTINGS)
    for index in range(200):
        known.observe(PLAIN, 500, 100, NOW - index * HOUR)
    assert known.estimate(PLAIN, 500, NOW - 500 * HOUR).tokens < 110
