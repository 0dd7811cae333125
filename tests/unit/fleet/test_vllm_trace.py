"""The model decides what vLLM 0.32's own scheduler decided, step by step (recorded by `record_vllm_trace.py`)."""

import json
from pathlib import Path
from typing import Any

import pytest

from tokenlane_fleet import Request, Scheduler, SchedulerLimits

TRACES = json.loads((Path(__file__).parent / "vllm_trace.json").read_text())


@pytest.mark.parametrize("trace", TRACES, ids=lambda trace: trace["name"])
def test_every_step_equals_vllms(trace: dict[str, Any]) -> None:
    scheduler = Scheduler(SchedulerLimits(**trace["limits"]))
    for number, expected in enumerate(trace["steps"]):
        for request_id, (arrival, prompt, output, abort) in enumerate(trace["requests"]):
            if arrival == number:
                scheduler.add(Request(request_id, prompt, output))
            if abort == number:
                scheduler.abort(request_id)
        outcome = scheduler.step()
        assert expected == {
            "scheduled": [list(pair) for pair in zip(outcome.scheduled, outcome.scheduled_tokens, strict=True)],
            "emitted": outcome.emitted,
            "finished": outcome.finished,
            "preempted": sorted(outcome.preempted),
            "free_blocks": scheduler.free_blocks,
        }, f"step {number}"
    assert not scheduler.has_work()


def test_the_traces_cover_preemption() -> None:
    preemptions = {trace["name"]: sum(len(step["preempted"]) for step in trace["steps"]) for trace in TRACES}
    assert sum(count > 0 for count in preemptions.values()) >= 5, preemptions
