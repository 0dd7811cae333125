"""The processes of a stack as data."""

from dataclasses import replace
from pathlib import Path

import pytest

from tokenlane_cli.errors import UsageError
from tokenlane_cli.stack import machine, plan, prepare
from tokenlane_cli.stack.options import EngineKind, LaneOption, StackOptions

LONG = LaneOption("long", None)
OPTIONS = StackOptions(
    engine=EngineKind.SIM,
    model="",
    served_model="sim",
    lanes=(LaneOption("short", 512), LONG),
    data_dir=Path("data"),
    max_replicas=2,
    sim_profile="laptop-instant",
    sim_speed=2.5,
)
BASE = plan.Base(
    options=OPTIONS,
    python="python",
    nats_server="nats-server",
    nats_config=Path("nats.conf"),
    keys_file=Path("keys.json"),
    logs=Path("logs"),
    nats_port=4222,
    nats_http_port=8222,
    http_port=8080,
)


def test_a_worker_gets_its_engine_its_bus_and_its_own_port() -> None:
    spec = plan.worker(BASE, OPTIONS.lanes[1], 3, 9100)
    env = dict(spec.env)
    assert spec.name == "worker-long-3"
    assert spec.argv == ("python", "-m", "tokenlane_worker_long")
    assert spec.ready_url == "http://127.0.0.1:9100/readyz"
    assert env["TOKENLANE_NATS_URL"] == "nats://127.0.0.1:4222"
    assert env["TOKENLANE_METRICS_PORT"] == "9100"
    assert (env["TOKENLANE_ENGINE"], env["TOKENLANE_SIM_PROFILE"], env["TOKENLANE_SIM_SPEED"]) == (
        "sim",
        "laptop-instant",
        "2.5",
    )
    assert "TOKENLANE_MODEL" not in env


def test_a_shared_engine_has_one_worker_for_all_lanes(monkeypatch: pytest.MonkeyPatch) -> None:
    base = replace(BASE, options=replace(OPTIONS, shared_engine=True, lanes=(LaneOption("short", 512, 2), LONG)))
    monkeypatch.setattr(machine, "free_ports", lambda count: tuple(range(9000, 9000 + count)))
    specs = prepare.services(base)
    (worker,) = (spec for spec in specs if spec.role is plan.Role.WORKER)
    assert (worker.name, worker.argv[-1]) == ("worker-short-1", "tokenlane_worker_short")
    assert dict(worker.env)["TOKENLANE_SHARED_LANES"] == "short,long"
    (classifier,) = (spec for spec in specs if spec.role is plan.Role.CLASSIFIER)
    assert dict(classifier.env)["TOKENLANE_LANES"] == "short:512,long"


def test_workers_go_round_the_gpus_lane_by_lane() -> None:
    base = replace(BASE, options=replace(OPTIONS, engine=EngineKind.VLLM, gpus=4))
    devices = [
        dict(plan.worker(base, lane, number, 1).env)["CUDA_VISIBLE_DEVICES"]
        for number in (1, 2, 3)
        for lane in OPTIONS.lanes
    ]
    assert devices == ["0", "1", "2", "3", "0", "1"]


def test_the_classifier_gets_the_lanes_and_the_autoscaler_its_bound() -> None:
    assert dict(plan.classifier(BASE, 1).env)["TOKENLANE_LANES"] == "short:512,long"
    assert dict(plan.autoscaler(BASE, 1).env)["TOKENLANE_MAX_REPLICAS"] == "2"


def test_every_role_is_drained_and_the_broker_last() -> None:
    assert set(plan.DRAIN_ORDER) == set(plan.Role)
    assert plan.DRAIN_ORDER[0] is plan.Role.INGRESS
    assert plan.DRAIN_ORDER[-1] is plan.Role.BROKER


def test_another_worker_takes_the_first_free_number() -> None:
    names = ["ingress", "worker-short-1", "worker-short-3", "worker-long-2"]
    assert prepare.another_worker(BASE, "short", names).name == "worker-short-2"
    assert prepare.another_worker(BASE, "long", names).name == "worker-long-1"


def test_without_the_autoscaler_there_is_none() -> None:
    names = [spec.name for spec in prepare.services(replace(BASE, options=replace(OPTIONS, autoscaler=False)))]
    assert names == ["ingress", "classifier", "worker-short-1", "worker-long-1"]


def test_a_taken_port_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "is_free", lambda port: False)
    with pytest.raises(UsageError, match="port 4711 is in use"):
        prepare.prepare(replace(OPTIONS, data_dir=tmp_path, port=4711), tmp_path / "keys.json")


def test_preparing_writes_the_brokers_configuration_and_empties_the_logs(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "old.log").touch()
    base = prepare.prepare(replace(OPTIONS, data_dir=tmp_path, port=0), tmp_path / "keys.json")
    config = base.nats_config.read_text()
    assert f"127.0.0.1:{base.nats_port}" in config
    assert "max_payload: 8MB" in config
    assert str(tmp_path / "nats") in config
    assert list(base.logs.iterdir()) == []
