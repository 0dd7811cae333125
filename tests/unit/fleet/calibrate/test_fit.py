"""A known step cost is found again in what it says."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenlane_fleet import Batch, StepCost
from tokenlane_fleet.calibrate.fit import fit
from tokenlane_fleet.calibrate.samples import StepSample
from tokenlane_fleet.errors import CalibrationError

REQUEST_S = 0.004
COSTS = st.builds(
    StepCost,
    overhead_s=st.floats(1e-4, 1e-2),
    weights_s=st.one_of(st.just(0.0), st.floats(1e-3, 5e-2)),
    per_token_s=st.floats(1e-6, 3e-4),
    per_sequence_s=st.floats(0, 2e-4),
    per_context_token_s=st.floats(0, 1e-6),
    per_attention_pair_s=st.floats(0, 1e-8),
)


def batches(dice: random.Random, count: int) -> list[Batch]:
    """As they come: decodes, prefills, and both in one step."""
    found = []
    for number in range(count):
        decodes = dice.choice((0, 1, 4, 16, 64)) if number % 3 else dice.randint(1, 64)
        prefill = 0 if number % 3 == 0 else dice.randint(1, 2048)
        context = sum(dice.randint(16, 4000) for _ in range(decodes)) + prefill
        found.append(Batch(prefill, decodes, decodes + bool(prefill), context, prefill * (prefill + 1) // 2))
    return found


@settings(max_examples=40, deadline=None)
@given(COSTS, st.integers(0, 2**32))
def test_noiseless_samples_are_matched_within_their_range(cost: StepCost, seed: int) -> None:
    dice = random.Random(seed)
    measured = batches(dice, 60)
    fitted = fit([StepSample((batch,), cost.seconds(batch)) for batch in measured])
    assert fitted.residuals.p95 < 0.01
    sizes = [batch.tokens for batch in measured]
    for batch in batches(dice, 20):
        if min(sizes) <= batch.tokens <= max(sizes):
            assert fitted.cost.seconds(batch) == pytest.approx(cost.seconds(batch), rel=0.02)


@settings(max_examples=20, deadline=None)
@given(COSTS, st.integers(0, 2**32))
def test_noise_and_disturbed_steps_cost_a_few_percent(cost: StepCost, seed: int) -> None:
    """Every step is off by some percent, one in twelve took twice as long."""
    dice = random.Random(seed)
    samples = [
        StepSample((batch,), cost.seconds(batch) * dice.gauss(1, 0.03) * (2 if number % 12 == 5 else 1))
        for number, batch in enumerate(batches(dice, 240))
    ]
    fitted = fit(samples)
    errors = sorted(abs(fitted.cost.seconds(batch) / cost.seconds(batch) - 1) for batch in batches(dice, 60))
    assert errors[30] < 0.04
    assert errors[54] < 0.10


def test_the_corner_of_the_roofline_is_found() -> None:
    cost = StepCost(0.001, 0.010, 5e-5, 1e-5, 1e-7, 1e-9)
    fitted = fit([StepSample((batch,), cost.seconds(batch)) for batch in batches(random.Random(5), 200)])
    assert fitted.cost.weights_s / fitted.cost.per_token_s == pytest.approx(200, rel=0.02)
    assert fitted.cost.per_token_s == pytest.approx(cost.per_token_s, rel=0.02)


def test_prompts_in_chunks_and_the_way_of_a_request_are_told_from_steps() -> None:
    cost = StepCost(0.002, 0.008, 4e-5, 2e-5, 2e-7, 2e-9)
    decodes = [
        StepSample((batch,), cost.seconds(batch))
        for streams in (1, 4, 16, 64)
        for context in (50, 500, 2000)
        for batch in [Batch(0, streams, streams, streams * context, 0)]
    ]
    prompts = []
    for chunks in (1, 2, 4, 7):
        for tokens in (64, 256, 512):
            steps = tuple(
                Batch(tokens, 0, 1, tokens * (at + 1), tokens * tokens * at + tokens * (tokens + 1) // 2)
                for at in range(chunks)
            )
            prompts.append(StepSample(steps, sum(map(cost.seconds, steps)) + REQUEST_S, requests=1))
    fitted = fit(decodes + prompts)
    assert fitted.request_s == pytest.approx(REQUEST_S, rel=0.05)
    assert fitted.residuals.p95 < 0.01
    assert fitted.residuals.r_squared > 0.999
    assert fitted.seconds(prompts[-1]) == pytest.approx(prompts[-1].seconds, rel=0.01)


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        ([], "at least 6"),
        ([StepSample((Batch(1, 0, 1, 1, 1),), 0.1)] * 5, "at least 6"),
        ([StepSample((Batch(1, 0, 1, 1, 1),), 0.0)] * 6, "sample 0: a duration of 0.0 s"),
        ([StepSample((Batch(1, 0, 1, 1, 1),), float("nan"))] * 6, "sample 0: a duration of nan s"),
        ([StepSample((Batch(0, 0, 0, 0, 0),), 0.1)] * 6, "sample 0: nothing was computed"),
    ],
)
def test_what_is_no_measurement_is_refused(samples: list[StepSample], said: str) -> None:
    with pytest.raises(CalibrationError, match=said):
        fit(samples)


def test_samples_that_are_all_alike_are_matched() -> None:
    fitted = fit([StepSample((Batch(0, 1, 1, 64, 0),), 0.01)] * 8)
    assert fitted.cost.seconds(Batch(0, 1, 1, 64, 0)) == pytest.approx(0.01)
