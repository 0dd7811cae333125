"""A service process on a real bus: one clear line where it cannot start, exit code 0 after a drain."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.nats_server import NatsServer

SERVICE = "tokenlane_classifier"


def start(**settings: str) -> subprocess.Popen[str]:
    env = os.environ | {f"TOKENLANE_{name.upper()}": value for name, value in settings.items()}
    env |= {"TOKENLANE_METRICS_HOST": "127.0.0.1", "TOKENLANE_METRICS_PORT": "0"}
    return subprocess.Popen([sys.executable, "-m", SERVICE], env=env, stderr=subprocess.PIPE, text=True)


def first_event(process: subprocess.Popen[str], event: str) -> dict[str, Any]:
    assert process.stderr is not None
    for line in process.stderr:
        said: dict[str, Any] = json.loads(line)
        if said["event"] == event:
            return said
    raise AssertionError(f"the process never said {event!r}")


def status_of(port: int, path: str) -> int:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_its_probes_and_ends_well(sign: signal.Signals) -> None:
    with NatsServer() as server, start(nats_url=server.url) as process:
        port = first_event(process, "started")["probes_port"]
        until(lambda: status_of(port, "/readyz") == 200)
        assert status_of(port, "/healthz") == 200
        assert status_of(port, "/metrics") == 200
        assert status_of(port, "/") == 404
        process.send_signal(sign)
        assert process.wait(10) == 0


def test_it_is_not_ready_while_the_bus_is_away() -> None:
    with NatsServer() as server, start(nats_url=server.url) as process:
        port = first_event(process, "started")["probes_port"]
        until(lambda: status_of(port, "/readyz") == 200)
        server.stop(signal.SIGKILL)
        until(lambda: status_of(port, "/readyz") == 503)
        assert status_of(port, "/healthz") == 200
        server.start()
        until(lambda: status_of(port, "/readyz") == 200)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_it_can_be_stopped_while_the_bus_is_away() -> None:
    with NatsServer() as server, start(nats_url=server.url) as process:
        port = first_event(process, "started")["probes_port"]
        until(lambda: status_of(port, "/readyz") == 200)
        server.stop(signal.SIGKILL)
        until(lambda: status_of(port, "/readyz") == 503)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def test_without_a_bus_it_says_so_in_one_line() -> None:
    with start(nats_url="nats://127.0.0.1:1", start_timeout_s="0.5") as process:
        _, said = process.communicate(timeout=20)
    assert process.returncode == 1
    events = [json.loads(line) for line in said.splitlines()]
    assert [event["event"] for event in events] == ["connecting", "cannot go on"]
    assert events[1]["reason"].startswith("no bus at nats://127.0.0.1:1 (")
    assert "refused" in events[1]["reason"]


def test_it_can_be_stopped_while_it_waits_for_the_bus() -> None:
    with start(nats_url="nats://127.0.0.1:1", start_timeout_s="60") as process:
        first_event(process, "connecting")
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_a_wrong_setting_ends_it_with_code_2() -> None:
    with start(lanes="short:many,long") as process:
        _, said = process.communicate(timeout=20)
    assert process.returncode == 2
    assert said.startswith("tokenlane: wrong setting: TOKENLANE_LANES: ")
    assert said.count("\n") == 1
