"""`tokenlane up`, `demo` and `replay` as a user runs them, and what they do when processes are killed."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import nats
import openai
import psutil
import pytest

from tests.support.local_stack import LocalStack, StackProcess
from tokenlane.v1.lane_pb2 import DesiredReplicas
from tokenlane_proto import topology

SIM = ("--engine", "sim", "--sim-profile", "laptop-instant")
WAIT_S = 60


def tokenlane(*arguments: str, wait_s: float = 240) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tokenlane_cli", *arguments], capture_output=True, text=True, timeout=wait_s, check=False
    )


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.05)


def process(stack: LocalStack, name: str) -> StackProcess | None:
    return next((each for each in stack.processes() if each.name == name), None)


def is_ready(one: StackProcess) -> bool:
    try:
        return httpx.get(one.metrics_url.replace("/metrics", "/readyz"), timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def ask(stack: LocalStack, max_tokens: int = 5) -> str:
    with openai.OpenAI(base_url=f"{stack.url}/v1", api_key=stack.key, max_retries=0, timeout=WAIT_S) as client:
        answer = client.chat.completions.create(
            model=stack.model, messages=[{"role": "user", "content": "Hello"}], max_tokens=max_tokens
        )
    return answer.choices[0].message.content or ""


@pytest.fixture
def own_stack() -> Iterator[LocalStack]:
    with LocalStack(*SIM, "--no-autoscaler") as running:
        yield running
    assert running.left_behind == []


@pytest.mark.parametrize("name", ["worker-short-1", "classifier", "ingress", "nats"])
def test_a_killed_process_comes_back_and_serves(own_stack: LocalStack, name: str) -> None:
    before = process(own_stack, name)
    assert before is not None
    os.kill(before.pid, signal.SIGKILL)

    def is_back() -> bool:
        now = process(own_stack, name)
        return now is not None and now.pid != before.pid

    until(is_back)
    until(lambda: all(is_ready(each) for each in own_stack.processes() if each.metrics_url))
    assert ask(own_stack).startswith("[simulated]")


def test_workers_follow_the_wanted_number(own_stack: LocalStack) -> None:
    async def want(replicas: int) -> None:
        bus = await nats.connect(own_stack.nats_url)
        bucket = await bus.jetstream().key_value(topology.SCALE_BUCKET)
        key = topology.lane_key("long", own_stack.model)
        await bucket.put(key, DesiredReplicas(replicas=replicas, decided_unix_ms=1).SerializeToString())
        await bus.close()

    def second() -> StackProcess | None:
        return process(own_stack, "worker-long-2")

    asyncio.run(want(9))
    until(lambda: (added := second()) is not None and is_ready(added))
    assert process(own_stack, "worker-long-3") is None
    asyncio.run(want(1))
    until(lambda: second() is None)
    assert process(own_stack, "worker-long-1") is not None


def test_a_second_stack_is_refused_with_the_address_of_the_first(own_stack: LocalStack) -> None:
    refused = tokenlane("up", *SIM, "--data-dir", str(own_stack.directory))
    assert refused.returncode == 2
    assert own_stack.url in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_ctrl_c_lets_running_requests_finish() -> None:
    answers: list[str] = []
    with LocalStack("--engine", "sim", "--no-autoscaler") as stack:
        metrics = next(each.metrics_url for each in stack.processes() if each.name == "worker-short-1")
        asking = threading.Thread(target=lambda: answers.append(ask(stack, 300)))
        asking.start()
        until(lambda: re.search(r"tokenlane_worker_running\S* 1", httpx.get(metrics).text) is not None)
    asking.join(WAIT_S)
    assert answers
    assert answers[0].startswith("[simulated]")
    assert stack.left_behind == []
    assert stack.process.returncode == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_other_signals_drain_too(number: signal.Signals) -> None:
    with LocalStack(*SIM) as stack:
        family = psutil.Process(stack.process.pid).children(recursive=True)
        stack.process.send_signal(number)
        assert stack.process.wait(WAIT_S) == 0
        assert not any(each.is_running() for each in family)
        assert not (stack.directory / "stack.json").exists()


def test_nothing_survives_when_the_parent_is_killed() -> None:
    with LocalStack(*SIM) as stack:
        family = psutil.Process(stack.process.pid).children(recursive=True)
        assert len(family) >= 6
        stack.process.kill()
        _, alive = psutil.wait_procs(family, timeout=WAIT_S)
        assert alive == []


def test_an_engine_that_cannot_start_is_one_clear_line(tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    engine = ("--engine", "vllm", "--engine-command", "/bin/false", "--model", str(model))
    failed = tokenlane("up", *engine, "--port", "0", "--data-dir", str(tmp_path / "data"))
    assert failed.returncode == 1
    (line,) = failed.stderr.splitlines()
    assert re.match(r"tokenlane: worker-(short|long)-1 ended with code 1: .+", line)


def test_the_demonstration_shows_both_lanes_and_says_that_it_is_simulated(tmp_path: Path) -> None:
    shown = tokenlane("demo", *SIM, "--exit", "--port", "0", "--data-dir", str(tmp_path))
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert "SIMULATED ENGINE" in shown.stdout
    rows = [line.split() for line in shown.stdout.splitlines() if re.match(r"\s*\d+\s+(short|long)\s", line)]
    assert [row[0] for row in rows] == [str(number) for number in range(1, 21)]
    assert sum(row[1] == "long" for row in rows) == 8
    assert all("SIMULATED" in row for row in rows)


def trace(directory: Path, rows: int) -> Path:
    path = directory / "trace.jsonl"
    lengths = [(40 + row, 4 + row % 20) if row % 3 else (3_000 + row, 30) for row in range(rows)]
    lines = [
        json.dumps({"timestamp": 10 * row, "input_length": prompt, "output_length": output})
        for row, (prompt, output) in enumerate(lengths)
    ]
    path.write_text("\n".join(lines))
    return path


def test_a_replay_loses_nothing_and_sends_the_lengths_of_the_trace(own_stack: LocalStack, tmp_path: Path) -> None:
    path, out = trace(tmp_path, 150), tmp_path / "out.json"
    replayed = tokenlane("replay", str(path), "--data-dir", str(own_stack.directory), "--json", str(out))
    assert replayed.returncode == 0, replayed.stdout + replayed.stderr
    assert "none lost" in replayed.stdout
    written = json.loads(out.read_text())
    wanted = [json.loads(line) for line in path.read_text().splitlines()]
    assert [row["output_tokens"] for row in written["requests"]] == [row["output_length"] for row in wanted]
    for row, line in zip(written["requests"], wanted, strict=True):
        assert abs(row["prompt_tokens"] - line["input_length"]) <= 2
    assert written["lanes"]["long"]["requests"] == 50
    assert written["lanes"]["short"]["preemptions"] == 0
    assert written["lanes"]["total"]["failures"] == {}


def test_a_replay_without_a_stack_says_how_to_get_one_and_brings_its_own(tmp_path: Path) -> None:
    path, data = trace(tmp_path, 20), str(tmp_path / "data")
    refused = tokenlane("replay", str(path), "--data-dir", data)
    assert refused.returncode == 2
    assert "--start" in refused.stderr
    replayed = tokenlane("replay", str(path), "--data-dir", data, "--start", "--sim-profile", "laptop-instant")
    assert replayed.returncode == 0, replayed.stdout + replayed.stderr
    assert "none lost" in replayed.stdout


def test_an_interrupted_replay_reports_what_it_has(own_stack: LocalStack, tmp_path: Path) -> None:
    path, out = tmp_path / "trace.jsonl", tmp_path / "out.json"
    rows = [{"timestamp": at, "input_length": 50, "output_length": 4} for at in (0, 10, 3_600_000)]
    path.write_text("\n".join(json.dumps(row) for row in rows))
    command = [sys.executable, "-m", "tokenlane_cli", "replay", str(path), "--data-dir", str(own_stack.directory)]
    with subprocess.Popen([*command, "--json", str(out)], stdout=subprocess.PIPE, text=True) as running:
        try:
            # Two of the trace and two that calibrate.
            answered = r'requests_total\{endpoint="chat_completions",status="2xx"\} 4'
            until(lambda: re.search(answered, httpx.get(f"{own_stack.url}/metrics").text) is not None)
            running.send_signal(signal.SIGINT)
            text, _ = running.communicate(timeout=WAIT_S)
        finally:
            running.kill()
    assert running.returncode == 130
    assert "1 times: interrupted" in text
    assert json.loads(out.read_text())["lanes"]["short"]["requests"] == 2
