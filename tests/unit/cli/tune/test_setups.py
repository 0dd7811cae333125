"""The engines that are taken to run now."""

from dataclasses import replace

from tests.unit.cli.tune.made import H100
from tokenlane_cli.tune.present import LaneNow
from tokenlane_cli.tune.setups import limits_now
from tokenlane_fleet.hardware.engine_settings import engine_settings
from tokenlane_fleet.limits import SchedulerLimits

OWN = engine_settings(H100)
OWN_STEP, OWN_CUT = OWN.max_num_batched_tokens.value, OWN.long_prefill_token_threshold.value


def numbers(limits: SchedulerLimits) -> tuple[int, int, int]:
    return limits.max_num_seqs, limits.max_num_batched_tokens, limits.long_prefill_token_threshold


def test_a_lane_that_the_bus_says_nothing_of_has_what_its_workers_choose() -> None:
    assert numbers(limits_now(LaneNow("short", 2048), H100)) == (OWN.max_num_seqs.value, OWN_STEP, OWN_CUT)


def test_a_step_that_workers_choose_comes_with_its_cut() -> None:
    assert numbers(limits_now(LaneNow("short", 2048, max_num_seqs=64, max_num_batched_tokens=OWN_STEP), H100)) == (
        64, OWN_STEP, OWN_CUT,
    )  # fmt: skip
    assert numbers(limits_now(LaneNow("short", 2048, max_num_seqs=64, max_num_batched_tokens=4096), H100)) == (
        64, 4096, 0,
    )  # fmt: skip


def test_on_a_gpu_that_is_not_known_a_lane_has_its_images_numbers() -> None:
    unknown = replace(H100, gpu="GPU of its own")
    assert numbers(limits_now(LaneNow("short", 2048), unknown)) == (128, 1024, 0)
    assert numbers(limits_now(LaneNow("long", None), unknown)) == (64, 4096, 0)
    default = (unknown.default_max_num_seqs, unknown.default_max_num_batched_tokens, 0)
    assert numbers(limits_now(LaneNow("middle", None), unknown)) == default
