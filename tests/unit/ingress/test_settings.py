"""A wrong setting refuses to start and names itself."""

import pytest

from tokenlane_chassis.settings import load
from tokenlane_ingress.settings import IngressSettings


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "TOKENLANE_API_KEYS_FILE: required"),
        ({"ANONYMOUS_TENANT": "a.b"}, "TOKENLANE_ANONYMOUS_TENANT"),
        ({"ANONYMOUS_TENANT": "local", "HTTP_PORT": "70000"}, "TOKENLANE_HTTP_PORT"),
        ({"ANONYMOUS_TENANT": "local", "REQUEST_TIMEOUT_S": "0"}, "TOKENLANE_REQUEST_TIMEOUT_S"),
    ],
)
def test_a_wrong_setting_is_named(
    values: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in values.items():
        monkeypatch.setenv(f"TOKENLANE_{name}", value)
    with pytest.raises(SystemExit) as refusal:
        load(IngressSettings)
    assert refusal.value.code == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.splitlines()) == 1


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKENLANE_ANONYMOUS_TENANT", "local")
    monkeypatch.setenv("TOKENLANE_HTTP_PORT", "0")
    settings = load(IngressSettings)
    assert (settings.anonymous_tenant, settings.http_port, settings.request_timeout_s) == ("local", 0, 600)
