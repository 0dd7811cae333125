"""The stack of compose.yaml, running: asked by the official client, looked at, stopped and started again."""

import json
from pathlib import Path
from urllib.request import urlopen

import pytest
from openai import OpenAI

from tests.containers.compose import Stack
from tests.containers.conftest import ROOT

SERVICES = {"nats", "ingress", "classifier", "autoscaler", "worker-short", "worker-long"}


@pytest.fixture
def client(stack: Stack) -> OpenAI:
    return OpenAI(base_url=f"http://{stack.address('ingress', 8080)}/v1", api_key="none", max_retries=0, timeout=60)


@pytest.fixture
def model(client: OpenAI) -> str:
    (only,) = client.models.list().data
    return only.id


def test_every_service_becomes_healthy(stack: Stack) -> None:
    assert stack.health() == dict.fromkeys(SERVICES, "healthy")


def test_the_door_is_on_this_machine_alone(stack: Stack) -> None:
    published = {
        (name, port, binding["HostIp"])
        for name, container in stack.inspect().items()
        for port, bindings in container["NetworkSettings"]["Ports"].items()
        for binding in bindings or ()
    }
    assert published == {("ingress", "8080/tcp", "127.0.0.1")}


# Far above the boundary: all that was learned of the tokens of a letter may be one short prompt, framing and all.
@pytest.mark.parametrize(("words", "lane"), [(10, "short"), (30_000, "long")])
def test_an_answer_comes_from_the_lane_it_fits(client: OpenAI, model: str, words: int, lane: str) -> None:
    asked = [{"role": "user", "content": "one more word " * (words // 3)}]
    raw = client.chat.completions.with_raw_response.create(model=model, messages=asked, max_tokens=8)  # type: ignore[arg-type]
    assert raw.headers["x-tokenlane-lane"] == lane
    assert raw.headers["x-tokenlane-simulated"] == "true"
    answer = raw.parse()
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 8
    assert answer.choices[0].finish_reason == "length"


def test_a_streamed_answer_comes_piece_by_piece(client: OpenAI, model: str) -> None:
    asked = client.chat.completions.with_streaming_response.create(
        model=model, messages=[{"role": "user", "content": "Count."}], max_tokens=12, stream=True
    )
    with asked as response:
        assert response.headers["x-tokenlane-lane"] == "short"
        events = [line.removeprefix("data: ") for line in response.iter_lines() if line.startswith("data: ")]
    assert events[-1] == "[DONE]"
    pieces = [choice["delta"].get("content") for event in events[:-1] for choice in json.loads(event)["choices"]]
    assert len([piece for piece in pieces if piece]) > 3


def test_the_chart_s_own_test_gets_an_answer(stack: Stack, model: str) -> None:
    """`helm test` runs this script in this image."""
    script = Path(ROOT, "helm/tokenlane/files/ask.py").read_text()
    said = stack.execute("ingress", "python", "-c", script, TOKENLANE_URL="http://ingress:8080")
    assert f"{model} in lane short" in said
    assert "simulated" in said


def test_the_autoscaler_sees_the_lanes(stack: Stack, model: str) -> None:
    fetch = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:9090/metrics').read().decode())"
    metrics = stack.execute("autoscaler", "python", "-c", fetch)
    assert all(f'lane="{lane}"' in metrics for lane in ("short", "long"))


def test_containers_have_no_rights_they_do_not_need(stack: Stack) -> None:
    for name, container in stack.inspect().items():
        host = container["HostConfig"]
        assert host["ReadonlyRootfs"] is True, name
        assert host["CapDrop"] == ["ALL"], name
        assert host["SecurityOpt"] == ["no-new-privileges:true"], name
        assert not host["Privileged"], name
        assert container["Config"]["User"] == "10001:10001", name


def test_stopped_services_end_by_themselves_and_come_back(stack: Stack) -> None:
    stack.compose("stop")
    assert {name: each["State"]["ExitCode"] for name, each in stack.inspect().items()} == dict.fromkeys(SERVICES, 0)
    stack.up()
    with urlopen(f"http://{stack.address('ingress', 8080)}/v1/models", timeout=10) as response:
        assert len(json.load(response)["data"]) == 1
