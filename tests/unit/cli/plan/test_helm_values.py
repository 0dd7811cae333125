"""Values of the chart, by option."""

from dataclasses import replace
from typing import Any

import pytest
import yaml

from tests.unit.cli.plan.made import ANSWER, REPORT, hostile
from tokenlane_cli.errors import UsageError
from tokenlane_cli.plan.answer import Answer
from tokenlane_cli.plan.helm_values import choose, helm_values


def values(key: str, answer: Answer = ANSWER) -> dict[str, Any]:
    found = yaml.safe_load(helm_values(answer, choose(answer, key)))
    assert isinstance(found, dict)
    return found


def test_one_pool_is_one_lane_without_a_bound() -> None:
    lanes = values("")["lanes"]
    assert lanes["long"] is None
    assert lanes["short"]["upToTokens"] is None
    assert lanes["short"]["replicas"] == 1
    assert lanes["short"]["engine"]["args"] == list(REPORT.options[2].pools[0].engine_flags)


def test_lanes_have_their_own_bound_replicas_and_engine() -> None:
    found = values("two")
    assert list(found["lanes"]) == ["short", "long"]
    assert found["lanes"]["short"]["upToTokens"] == 2048
    assert found["lanes"]["long"].keys() == {"replicas", "engine"}
    assert found["autoscaler"] == {"minReplicas": 1, "maxReplicas": 1}
    assert found["worker"]["engine"] == {"kind": "vllm", "model": "meta-llama/Llama-3.1-70B-Instruct"}
    assert found["worker"]["resources"]["limits"]["nvidia.com/gpu"] == 4


def test_the_device_is_the_gpus_makers() -> None:
    amd = replace(ANSWER, report=replace(REPORT, gpu="mi300x"))
    assert values("one", amd)["worker"]["resources"]["limits"]["amd.com/gpu"] == 4


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("defaults", "a router sends"),
        ("elastic", "idle workers serve another"),
        ("elastic", "go by deadline"),
        ("elastic", "prompt tokens to compute"),
        ("three", "need their own"),
        ("three", "does NOT keep the objectives"),
    ],
)
def test_what_the_chart_does_not_do_is_said(key: str, said: str) -> None:
    text = helm_values(ANSWER, choose(ANSWER, key))
    assert said in "".join(line for line in text.splitlines() if line.startswith("#"))
    assert said not in helm_values(ANSWER, choose(ANSWER, "two"))


def test_names_from_elsewhere_stay_in_their_comment() -> None:
    odd = replace(hostile(), command="tokenlane plan 'a\nlanes: {evil: {}}\r\N{NEXT LINE}b'", serve_model="a: b # c")
    found = values("two", odd)
    assert list(found["lanes"]) == ["short", "long"]
    assert found["worker"]["engine"]["model"] == "a: b # c"


def test_an_option_must_be_there() -> None:
    with pytest.raises(UsageError, match="there are: paper, defaults, one"):
        choose(ANSWER, "four")
    with pytest.raises(UsageError, match="nothing keeps the objectives"):
        choose(replace(ANSWER, report=replace(REPORT, best=None)), "")
