"""Models, health and metrics."""

import json

from tests.unit.ingress.asking import Asking
from tests.unit.ingress.conftest import MODEL, House, register
from tokenlane_proto.topology import LANE_BUCKET, lane_key


async def test_a_model_is_listed_once_with_its_longest_context(house: House) -> None:
    await register(house.bus, "short", "a-model", 512)
    answer = await house.get("/v1/models")
    listing = json.loads(answer.body)
    assert answer.headers["content-type"] == "application/json"
    assert listing["object"] == "list"
    assert [(model["id"], model["max_model_len"]) for model in listing["data"]] == [("a-model", 512), (MODEL, 8192)]
    assert {model["object"] for model in listing["data"]} == {"model"}


async def test_one_model_by_its_name(house: House) -> None:
    for path in (f"/v1/models/{MODEL}", f"/v1/models/{MODEL.replace('/', '%2F')}"):
        assert json.loads((await house.get(path)).body)["id"] == MODEL
    missing = await house.get("/v1/models/other")
    assert (missing.status, missing.error["code"]) == (404, "model_not_found")


async def test_models_are_shown_to_tenants_only(house: House) -> None:
    assert (await Asking(house.door.app, "/v1/models", method="GET")()).status == 401


async def test_lanes_that_come_and_go_are_followed(house: House) -> None:
    await register(house.bus, "long", "later", 100)
    assert (await house.get("/v1/models/later")).status == 200
    await house.bus.put(LANE_BUCKET, lane_key("long", "later"), b"\xff broken")
    assert (await house.get("/v1/models/later")).status == 200
    await house.bus.delete(LANE_BUCKET, lane_key("long", "later"))
    assert (await house.get("/v1/models/later")).status == 404


async def test_health_is_life_and_readiness_is_the_bus(house: House) -> None:
    assert [(await house.get(path)).status for path in ("/healthz", "/readyz")] == [200, 200]
    house.bus.connected = False
    assert [(await house.get(path)).status for path in ("/healthz", "/readyz")] == [200, 503]
    house.bus.connected = True
    house.context.stopping.set()
    assert [(await house.get(path)).status for path in ("/healthz", "/readyz")] == [200, 503]


async def test_metrics_count_what_happened(house: House) -> None:
    await house.ask()
    await house.ask(b"{}")
    await house.get("/nowhere")
    answer = await house.get("/metrics")
    text = answer.body.decode()
    assert answer.headers["content-type"].startswith("text/plain")
    assert 'tokenlane_ingress_requests_total{endpoint="chat_completions",status="2xx"} 1.0' in text
    assert 'tokenlane_ingress_requests_total{endpoint="chat_completions",status="4xx"} 1.0' in text
    assert 'tokenlane_ingress_requests_total{endpoint="other",status="4xx"} 1.0' in text
    assert 'tokenlane_ingress_request_duration_seconds_count{endpoint="chat_completions"} 1.0' in text
    assert "tokenlane_ingress_in_flight 0.0" in text
    assert "tokenlane_ingress_response_bytes_total 28.0" in text
