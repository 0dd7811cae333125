"""A recommendation as the lines and values that set it."""

import yaml

from tokenlane_cli.tune.engines import EngineAdvice
from tokenlane_cli.tune.report import Advice, LaneAdvice
from tokenlane_cli.tune.settings_text import environment, helm_values

ENGINE = EngineAdvice(8192, 64, 1024, 0, (), ("--max-model-len", "8192", "--max-num-seqs", "64"))
SHORT = LaneAdvice("short", 4096, 0.9, 3, ENGINE, 1.4, "room")
LONG = LaneAdvice("long", None, 0.1, 1, None, None, "")


def test_each_line_says_whom_it_is_for() -> None:
    lines = list(environment(Advice((SHORT, LONG), "why", ())))
    assert lines[0].startswith("TOKENLANE_LANES=short:4096,long  ")
    assert lines[1] == "# 3 x worker-short, 1 x worker-long"
    assert lines[2:] == [
        "TOKENLANE_KV_OVERCOMMIT=1.4    # worker-short",
        'TOKENLANE_ENGINE_ARGS="--max-model-len 8192 --max-num-seqs 64"    # worker-short',
    ]


def test_engines_that_are_no_better_are_not_set() -> None:
    advice = Advice((SHORT, LONG), "why", (), new_engines=False)
    assert not any("ENGINE_ARGS" in line for line in environment(advice))
    assert "args" not in yaml.safe_load(helm_values(advice, "tokenlane tune"))["lanes"]["short"]["engine"]


def test_values_take_lanes_away() -> None:
    values = helm_values(Advice((LONG,), "why", ()), "tokenlane tune\n--evil: true")
    assert yaml.safe_load(values) == {"lanes": {"short": None, "long": {"replicas": 1}}}
    one = helm_values(Advice((LaneAdvice("short", None, 1.0, 4, ENGINE, None, ""),), "why", ()), "tokenlane tune")
    assert yaml.safe_load(one)["lanes"] == {
        "short": {"upToTokens": None, "replicas": 4, "engine": {"args": list(ENGINE.flags)}},
        "long": None,
    }
