"""Which lanes a worker serves, and how."""

import pytest
from pydantic import ValidationError

from tokenlane_worker.engine.vllm_child import VllmChildEngine
from tokenlane_worker.engine.vllm_command import max_num_batched_tokens
from tokenlane_worker.engines import make_engine
from tokenlane_worker.lane import Lane
from tokenlane_worker.settings import WorkerSettings

LANE = Lane(name="short", max_num_seqs=8, max_num_batched_tokens=64)


def settings(**values: object) -> WorkerSettings:
    return WorkerSettings.model_validate({"engine": "sim"} | values)


def test_a_worker_is_elastic_and_has_one_lane_by_default() -> None:
    assert settings().isolation == "elastic"
    assert settings().lanes("short") == ("short",)
    assert settings(shared_lanes="short,long").lanes("short") == ("short", "long")


@pytest.mark.parametrize("text", ["short", "short,short", "short,", "a b,c", "short,long.x"])
def test_shared_lanes_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="two or more lanes"):
        settings(shared_lanes=text)


@pytest.mark.parametrize("shared", ["", "short,long"])
def test_a_shared_engine_is_told_to_heed_priorities(shared: str) -> None:
    engine = make_engine(settings(engine="vllm", model="m", shared_lanes=shared), LANE)
    assert isinstance(engine, VllmChildEngine)
    assert ("priority" in engine._config.extra_args) == bool(shared)


def test_the_step_budget_is_the_last_one_given() -> None:
    assert max_num_batched_tokens(["vllm", "serve"]) == 0
    assert max_num_batched_tokens(["--max-num-batched-tokens", "64", "--max_num_batched_tokens=128"]) == 128
    with pytest.raises(ValueError, match="invalid int"):
        max_num_batched_tokens(["--max-num-batched-tokens", "8k"])
