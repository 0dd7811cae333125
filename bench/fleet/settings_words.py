"""A tuned candidate as JSON and back, and in few words."""

from dataclasses import asdict
from typing import Any

from tokenlane_fleet.plan.design import Candidate, Design, Engine, Lane
from tokenlane_fleet.sim.fleet import Bind, Dispatch, Order, Pull, Push, PushRule, Steal


def written(candidate: Candidate) -> dict[str, Any]:
    """Plain values."""
    return {**asdict(candidate), "kind": type(candidate.design.dispatch).__name__}


def read(text: dict[str, Any]) -> Candidate:
    """What `written` wrote."""
    design = text["design"]
    found = tuple(Lane(of["name"], of["up_to_tokens"], Engine(**of["engine"])) for of in design["lanes"])
    return Candidate(Design(found, _dispatch(text["kind"], design["dispatch"])), tuple(text["replicas"]))


def engines_of(candidate: Candidate) -> list[Engine]:
    """Each once."""
    return list(dict.fromkeys(lane.engine for lane in candidate.design.lanes))


def described(text: dict[str, Any]) -> str:
    """By lane: replicas, boundary, step budget / chunk, sequences, cap on prefill in flight."""
    candidate = read(text)
    return "; ".join(_lane(lane, count) for lane, count in zip(candidate.design.lanes, candidate.replicas, strict=True))


def _lane(lane: Lane, count: int) -> str:
    of = lane.engine
    bound = "" if lane.up_to_tokens is None else f" up to {lane.up_to_tokens}"
    chunk = f"/{of.long_prefill_token_threshold}" if of.long_prefill_token_threshold else ""
    cap = f", cap {of.prefill_cap}" if of.prefill_cap else ""
    return f"{count}{bound}: {of.max_num_batched_tokens}{chunk}, {of.max_num_seqs} seqs{cap}"


def _dispatch(kind: str, of: dict[str, Any]) -> Dispatch:
    if kind == "Push":
        return Push(PushRule(of["rule"]), of["output_weight"], of["spill"])
    values = {**of, "order": Order(of["order"]), "steal": Steal(of["steal"]), "bind": Bind(of["bind"])}
    return Pull(**values)
