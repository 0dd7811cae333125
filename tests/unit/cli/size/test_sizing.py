"""What is said of an engine."""

import pytest

from tokenlane_cli.size.sizing import Lengths, Size, cut, size
from tokenlane_fleet.hardware.engine_settings import engine_settings
from tokenlane_fleet.hardware.hardware import Hardware, budget_of, derive
from tokenlane_fleet.hardware.lookup import find_gpu, find_model


def sized(model: str = "llama-3-70b", gpu: str = "h100", lengths: Lengths | None = None) -> Size:
    hardware = derive(model, gpu)
    memory = budget_of(find_model(model), find_gpu(gpu))
    return size(hardware, lengths or Lengths(2000, 300), lambda tokens: hardware.cost, memory)


def test_concurrency_is_the_memorys() -> None:
    found = sized()
    assert found.memory is not None
    for held in found.held:
        assert held.sequences == found.memory.sequences(held.tokens)
    assert [held.tokens for held in found.held] == sorted({1024, 2300, 4096, 16_384, 65_536, 131_072})


def test_the_engine_runs_what_it_holds_and_no_more() -> None:
    found = sized()
    (at_once,) = (held.sequences for held in found.held if held.tokens == 2300)
    assert found.limits.max_num_seqs == found.settings.max_num_seqs.value == at_once < 256
    assert sized(lengths=Lengths(50, 10)).limits.max_num_seqs == 256


def test_the_command_starts_it() -> None:
    found = sized()
    assert found.command == (
        "vllm serve meta-llama/Llama-3.1-70B-Instruct --tensor-parallel-size 4 --max-model-len 131072 "
        f"--max-num-seqs {found.limits.max_num_seqs} --max-num-batched-tokens 800 --long-prefill-token-threshold 576"
    )


def test_it_is_set_up_as_a_worker_sets_it_up() -> None:
    found = sized(lengths=Lengths(50, 10))
    assert found.settings == engine_settings(found.hardware)
    assert found.limits.max_num_batched_tokens == found.settings.max_num_batched_tokens.value


def test_steps_take_longer_with_more_in_them_and_pay_off() -> None:
    found = sized()
    for steps in (found.decode, found.prefill):
        assert [step.seconds for step in steps] == sorted(step.seconds for step in steps)
    assert [step.tokens_per_s for step in found.decode] == sorted(step.tokens_per_s for step in found.decode)
    assert found.decode[-1].sequences == found.limits.max_num_seqs
    assert found.prefill[-1].tokens == 8192


def test_a_small_steps_cost_is_asked_for() -> None:
    hardware = derive("qwen3-235b-a22b", "h200")
    asked: list[float] = []

    def cost_at(tokens: float) -> object:
        asked.append(tokens)
        return hardware.cost

    size(hardware, Lengths(100, 10), cost_at)  # type: ignore[arg-type]
    assert asked[:3] == [1, 8, 32]


def test_a_measured_engine_has_no_memory_to_show() -> None:
    hardware = derive("smollm2-135m", "l4")
    found = size(hardware, Lengths(100, 10), lambda tokens: hardware.cost)
    assert found.memory is None
    assert found.held[0].sequences == hardware.kv_tokens // 112


@pytest.mark.parametrize(("asked", "expected"), [(None, 8192), (4000, 4000), (100_000, 8192)])
def test_a_context_is_cut_but_not_stretched(asked: int | None, expected: int) -> None:
    hardware: Hardware = cut(derive("smollm2-135m", "l4"), asked)
    assert hardware.max_model_len == expected
