"""A recommendation as settings: environment variables and values of the Helm chart. Pure, but for PyYAML."""

import shlex
from collections.abc import Iterator
from typing import Any

from tokenlane_cli.figures import plain
from tokenlane_cli.tune.report import Advice, LaneAdvice
from tokenlane_cli.tune.table_advice import division

# Lanes that the chart names itself.
_CHART_LANES = ("short", "long")


def environment(advice: Advice) -> Iterator[str]:
    """Lines for the processes, each with the one that it is for."""
    bounds = ",".join(
        lane.name if lane.up_to_tokens is None else f"{lane.name}:{lane.up_to_tokens}" for lane in advice.lanes
    )
    yield f"TOKENLANE_LANES={bounds}    # classifier and autoscaler; TOKENLANE_BOUNDARY=fixed keeps it there"
    replicas = ", ".join(f"{lane.replicas} x worker-{lane.name}" for lane in advice.lanes)
    yield f"# {replicas}"
    for lane in advice.lanes:
        if lane.kv_overcommit is not None:
            yield f"TOKENLANE_KV_OVERCOMMIT={lane.kv_overcommit:g}    # worker-{lane.name}"
        flags = _flags(lane, advice)
        if flags:
            yield f'TOKENLANE_ENGINE_ARGS="{shlex.join(flags)}"    # worker-{lane.name}'


def helm_values(advice: Advice, command: str) -> str:
    """A values file. Needs PyYAML."""
    # Late: the extra `plan` has it.
    import yaml

    lanes: dict[str, Any] = {name: None for name in _CHART_LANES}
    lanes |= {lane.name: _lane(lane, advice) for lane in advice.lanes}
    lines = (f"{division(advice)}. Made by:", f"  {command}", "An adaptive boundary begins here and moves on.")
    comments = "".join(f"# {plain(line)}".replace("\n", " ") + "\n" for line in lines)
    return comments + yaml.safe_dump({"lanes": lanes}, sort_keys=False, width=120, default_flow_style=False)


def _lane(lane: LaneAdvice, advice: Advice) -> dict[str, Any]:
    engine: dict[str, Any] = {}
    if lane.kv_overcommit is not None:
        engine["kvOvercommit"] = lane.kv_overcommit
    if flags := _flags(lane, advice):
        engine["args"] = flags
    values: dict[str, Any] = {"replicas": lane.replicas} | ({"engine": engine} if engine else {})
    if lane.up_to_tokens is None and lane.name != _CHART_LANES[0]:
        return values
    # None takes the chart's own bound away.
    return {"upToTokens": lane.up_to_tokens} | values


def _flags(lane: LaneAdvice, advice: Advice) -> list[str]:
    return [] if lane.engine is None or not advice.new_engines else list(lane.engine.flags)
