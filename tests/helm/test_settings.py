"""The environment that the chart gives each service is one that the service reads and accepts."""

import shlex
from pathlib import Path
from typing import Any

import pytest

from tests.helm.chart import CI_VALUES, PRODUCTION, Helm, pods, select, settings
from tokenlane_autoscaler.settings import AutoscalerSettings
from tokenlane_chassis.settings import PREFIX, ServiceSettings
from tokenlane_classifier.settings import ClassifierSettings
from tokenlane_ingress.settings import IngressSettings
from tokenlane_worker.settings import WorkerSettings

READS: dict[str, type[ServiceSettings]] = {
    "ingress": IngressSettings,
    "classifier": ClassifierSettings,
    "autoscaler": AutoscalerSettings,
}


def checksums(helm: Helm, values: dict[str, Any]) -> dict[str, str]:
    templates = {name: each["spec"]["template"] for name, each in select(helm.render(values), "Deployment").items()}
    return {name: each["metadata"]["annotations"]["checksum/settings"] for name, each in templates.items()}


@pytest.mark.parametrize("file", CI_VALUES, ids=lambda file: file.stem)
def test_every_variable_is_a_setting_with_a_value_it_takes(
    one_helm: Helm, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for component, environment in settings(one_helm.render(file=file)).items():
        if component == "nats":
            continue
        reads = READS.get(component, WorkerSettings)
        own = {name for name in environment if name.startswith(PREFIX)}
        assert {name.removeprefix(PREFIX).lower() for name in own} <= set(reads.model_fields), component
        with monkeypatch.context() as patch:
            for name in own:
                patch.setenv(name, environment[name])
            assert reads().model_dump(include={"drain_grace_s"})["drain_grace_s"] > 0


def test_ports_and_files_are_where_the_pod_has_them(one_helm: Helm) -> None:
    manifests = one_helm.render(file=PRODUCTION)
    for component, environment in settings(manifests).items():
        (container,) = pods(manifests)[component]["containers"]
        port = environment.get("TOKENLANE_HTTP_PORT", environment.get("TOKENLANE_METRICS_PORT"))
        assert [str(each["containerPort"]) for each in container["ports"]] == [port]
        mounts = [each["mountPath"] for each in container["volumeMounts"]]
        for name, path in environment.items():
            if name.endswith("_FILE"):
                assert str(Path(path).parent) in mounts


def test_lanes_are_ordered_by_bound(one_helm: Helm) -> None:
    lanes: dict[str, Any] = {"a": {"upToTokens": 131072}, "short": {"upToTokens": 900}, "m": {"upToTokens": 8192}}
    rendered = settings(one_helm.render({"lanes": lanes}))
    assert rendered["classifier"]["TOKENLANE_LANES"] == "short:900,m:8192,a:131072,long"


def test_a_lane_can_keep_to_itself(one_helm: Helm) -> None:
    rendered = settings(one_helm.render({"lanes": {"long": {"isolation": "strict"}}}))
    assert [rendered[f"worker-{lane}"]["TOKENLANE_ISOLATION"] for lane in ("short", "long")] == ["elastic", "strict"]
    assert "TOKENLANE_SHARED_LANES" not in rendered["worker-short"]


def test_a_shared_engine_has_one_worker_for_all_lanes(one_helm: Helm, monkeypatch: pytest.MonkeyPatch) -> None:
    rendered = settings(one_helm.render({"sharedEngine": True}))
    assert [component for component in rendered if component.startswith("worker-")] == ["worker-short"]
    for name, value in rendered["worker-short"].items():
        monkeypatch.setenv(name, value)
    assert WorkerSettings().lanes("short") == ("short", "long")
    assert rendered["classifier"]["TOKENLANE_LANES"] == "short:8192,long"


def test_a_lane_has_its_own_engine_image_and_place(one_helm: Helm) -> None:
    manifests = one_helm.render(file=PRODUCTION)
    short, long = (settings(manifests)[f"worker-{lane}"] for lane in ("short", "long"))
    assert shlex.split(short["TOKENLANE_ENGINE_ARGS"])[-1] == '{"temperature": 0.2}'
    assert "TOKENLANE_ENGINE_ARGS" not in long
    assert (short["TOKENLANE_KV_OVERCOMMIT"], long["TOKENLANE_KV_OVERCOMMIT"]) == ("1", "0.9")
    assert short["TOKENLANE_MODEL"] == long["TOKENLANE_MODEL"] == "Qwen/Qwen3-8B"
    images = {name: pod["containers"][0]["image"] for name, pod in pods(manifests).items()}
    assert images["worker-short"] == "registry.example.com/team/tokenlane/worker-short:0.1.0"
    assert images["ingress"].startswith("registry.example.com/team/tokenlane/ingress@sha256:")
    assert "nodeSelector" not in pods(manifests)["worker-short"]
    assert pods(manifests)["worker-long"]["nodeSelector"] == {"nvidia.com/gpu.product": "NVIDIA-H200"}


def test_a_changed_setting_restarts_whom_it_concerns_and_no_other(one_helm: Helm) -> None:
    before = checksums(one_helm, {})
    after = checksums(one_helm, {"classifier": {"defaultOutputTokens": 600}})
    assert {name for name in before if before[name] != after[name]} == {"classifier"}
    after = checksums(one_helm, {"lanes": {"long": {"engine": {"kvOvercommit": 1.5}}}})
    assert {name for name in before if before[name] != after[name]} == {"worker-long"}
    after = checksums(one_helm, {"log": {"level": "debug"}})
    assert {name for name in before if before[name] != after[name]} == set(before)


def test_the_door_is_open_or_asks_for_keys_but_never_both(one_helm: Helm) -> None:
    opened = settings(one_helm.render())["ingress"]
    closed = settings(one_helm.render(file=PRODUCTION))["ingress"]
    assert "TOKENLANE_API_KEYS_FILE" not in opened
    assert "TOKENLANE_ANONYMOUS_TENANT" not in closed


def test_the_notes_say_what_is_not_for_production(helm4: Helm) -> None:
    def notes(*arguments: str) -> str:
        text = helm4.run("install", "rel", str(PRODUCTION.parents[1]), "--dry-run=client", *arguments)
        return text.split("NOTES:")[1]

    trial, production = notes(), notes("--values", str(PRODUCTION))
    assert all(word in trial for word in ("SIMULATED", "OPEN", "TRIALS"))
    assert not any(word in production for word in ("SIMULATED", "OPEN", "TRIALS"))
