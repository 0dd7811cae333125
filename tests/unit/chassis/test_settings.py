"""Settings come from the environment and a file, and a wrong one is named in one line."""

from pathlib import Path

import pydantic
import pytest

from tokenlane_chassis.settings import ServiceSettings, load


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "tokenlane.toml"
    monkeypatch.setenv("TOKENLANE_CONFIG", str(file))
    return file


def test_the_environment_wins_over_the_file(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config.write_text('nats_url = "nats://file:1"\ndrain_grace_s = 7\n')
    monkeypatch.setenv("TOKENLANE_NATS_URL", "nats://environment:1")
    settings = load(ServiceSettings)
    assert (settings.nats_url, settings.drain_grace_s) == ("nats://environment:1", 7)


def test_settings_do_not_change() -> None:
    with pytest.raises(pydantic.ValidationError):
        load(ServiceSettings).log_level = "debug"  # type: ignore[misc]


@pytest.mark.parametrize(("name", "value"), [("METRICS_PORT", "high"), ("STREAM_REPLICAS", "9"), ("LOG_FORMAT", "xml")])
def test_a_wrong_variable_is_named(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(f"TOKENLANE_{name}", value)
    with pytest.raises(SystemExit) as ended:
        load(ServiceSettings)
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert said.startswith(f"tokenlane: wrong setting: TOKENLANE_{name}: ")
    assert said.count("\n") == 1


@pytest.mark.parametrize("content", ["nats_ulr = 'typo'", "not toml ["])
def test_a_wrong_file_is_told(content: str, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text(content)
    with pytest.raises(SystemExit) as ended:
        load(ServiceSettings)
    assert ended.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_missing_file_is_told(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        load(ServiceSettings)
    assert f"TOKENLANE_CONFIG: no file at {config}" in capsys.readouterr().err
