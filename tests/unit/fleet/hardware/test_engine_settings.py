"""Engine settings by model and device: what holds of every pair, and what each number follows."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenlane_fleet.cost import StepCost
from tokenlane_fleet.errors import FleetError
from tokenlane_fleet.hardware.engine_settings import EngineSettings, Reasoned, chunk_cut, engine_settings, step_budget
from tokenlane_fleet.hardware.hardware import Hardware, derive, engine_flags
from tokenlane_fleet.hardware.lookup import GPUS, MODELS
from tokenlane_fleet.limits import SchedulerLimits
from tokenlane_fleet.outcome import Batch

TPOTS_S = (0.01, 0.04, 0.08, 0.15, 1.0)


def pairs() -> list[Hardware]:
    """Every model on every device that holds it."""
    found = []
    for model in MODELS:
        for gpu in GPUS:
            try:
                found.append(derive(model, gpu))
            except FleetError:
                continue
    return found


def each(settings: EngineSettings) -> tuple[Reasoned, ...]:
    return settings.max_num_seqs, settings.max_num_batched_tokens, settings.long_prefill_token_threshold


def values(settings: EngineSettings) -> tuple[int, ...]:
    return tuple(chosen.value for chosen in each(settings))


def limits(hardware: Hardware, settings: EngineSettings) -> SchedulerLimits:
    seqs, step, cut = values(settings)
    return hardware.limits(hardware.max_model_len, seqs, step, cut)


@pytest.mark.parametrize("tpot_s", TPOTS_S)
def test_every_pair_starts_with_sane_numbers(tpot_s: float) -> None:
    """As vLLM checks them: a token for each sequence, a cut below the context."""
    for hardware in pairs():
        settings = engine_settings(hardware, tpot_s)
        seqs, step, cut = values(settings)
        assert 8 <= seqs <= min(256, step)
        assert 256 <= step <= hardware.default_max_num_batched_tokens
        assert cut == 0 or step // 4 - 32 < cut <= step * 3 // 4
        assert cut < hardware.max_model_len
        assert limits(hardware, settings).max_num_batched_tokens == step
        assert all(chosen.why for chosen in each(settings))


@pytest.mark.parametrize("tpot_s", TPOTS_S)
def test_a_full_step_is_in_time_unless_smaller_ones_save_nothing(tpot_s: float) -> None:
    for hardware in pairs():
        step = step_budget(hardware, tpot_s)
        seconds = hardware.cost.seconds(Batch(step.value, 0, 1, 0, 0))
        assert seconds <= tpot_s or "less work" in step.why


@pytest.mark.parametrize("tpot_s", TPOTS_S)
def test_a_step_of_answers_alone_is_in_time_unless_few_are_not(tpot_s: float) -> None:
    for hardware in pairs():
        seqs = engine_settings(hardware, tpot_s).max_num_seqs
        seconds = hardware.cost.seconds(Batch(0, seqs.value, seqs.value, seqs.value * 512, 0))
        assert seconds <= tpot_s or seqs.why.startswith("even")


def test_more_time_a_token_never_means_smaller_steps() -> None:
    for hardware in pairs():
        steps = [step_budget(hardware, tpot_s).value for tpot_s in TPOTS_S]
        assert steps == sorted(steps)


def test_more_gpus_mean_larger_steps() -> None:
    steps = [step_budget(derive("llama-3-70b", "h200", gpus), 0.08).value for gpus in (2, 4, 8)]
    assert steps == sorted(steps)
    assert len(set(steps)) == 3


# Found by search in simulation: docs/fleet-study.md, "Engine settings".
@pytest.mark.parametrize(
    ("model", "gpu", "gpus", "step", "cut"),
    [
        ("llama-3-70b", "h100", 4, 832, 624),
        ("llama-3-8b", "h100", 1, 2048, 1024),
        ("llama-3-70b", "h200", 2, 512, 256),
    ],
)
def test_the_rule_is_near_what_a_search_found(model: str, gpu: str, gpus: int, step: int, cut: int) -> None:
    seqs, found_step, found_cut = values(engine_settings(derive(model, gpu, gpus), 0.08))
    assert seqs == 256
    assert found_step == pytest.approx(step, rel=0.15)
    assert found_cut == pytest.approx(cut, rel=0.3)


def test_little_memory_holds_few_sequences() -> None:
    hardware = derive("llama-3-8b", "l4", 1)
    small = replace(hardware, cost=StepCost(0.002, 0, 1e-5, 1e-5, 0, 0))
    seqs = engine_settings(small).max_num_seqs
    assert seqs.value == hardware.kv_tokens // 512 // 8 * 8
    assert "KV cache" in seqs.why


def test_what_is_never_in_time_is_not_made_slower() -> None:
    """A step of one answer alone takes longer: fewer sequences would cost throughput and keep nothing."""
    slow = replace(derive("llama-3-8b", "h100", 1), cost=StepCost(0.5, 0, 1e-4, 0, 0, 0))
    settings = engine_settings(slow)
    assert values(settings)[:2] == (256, 256)
    assert settings.max_num_seqs.why.startswith("even")


def test_a_prompt_is_not_cut_where_none_is_long() -> None:
    short = replace(derive("llama-3-8b", "h100", 1), max_model_len=512)
    cut = chunk_cut(short, 0.08, 2048)
    assert cut.value == 0
    assert "512" in cut.why


def test_the_costlier_attention_the_smaller_the_cut() -> None:
    hardware = derive("llama-3-8b", "h100", 1)
    pair_s = hardware.cost.per_attention_pair_s
    cuts = [
        chunk_cut(replace(hardware, cost=replace(hardware.cost, per_attention_pair_s=pair_s * factor)), 0.08, 2048)
        for factor in (0, 1, 100)
    ]
    assert [cut.value for cut in cuts] == [1536, 896, 512]


def test_the_flags_of_an_engine_take_them() -> None:
    hardware = derive("llama-3-70b", "h100", 4)
    flags = engine_flags(hardware, limits(hardware, engine_settings(hardware)))
    assert flags[flags.index("--long-prefill-token-threshold") + 1] == "576"


@given(
    st.tuples(*(st.floats(0, most) for most in (0.1, 0.1, 1e-3, 1e-3, 1e-6, 1e-7))),
    st.floats(0.001, 2), st.integers(1, 100_000), st.integers(16, 1_000_000), st.integers(0, 4096),
)  # fmt: skip
def test_any_step_time_gives_settings_that_start(
    cost: tuple[float, ...], tpot_s: float, blocks: int, context: int, state_tokens: int
) -> None:
    made = replace(
        derive("llama-3-8b", "h100", 1),
        cost=StepCost(*cost),
        kv_tokens=16 * blocks,
        max_model_len=min(context, 16 * blocks),
        state_tokens=state_tokens,
    )
    settings = engine_settings(made, tpot_s)
    seqs, step, cut = values(settings)
    assert 1 <= seqs <= step
    assert 0 <= cut < made.max_model_len
    assert limits(made, settings).max_num_seqs == seqs
