"""Settings of the classifier."""

import pytest

from tokenlane_chassis.settings import load
from tokenlane_classifier.settings import ClassifierSettings
from tokenlane_proto.lane_setting import LaneSetting


def test_lanes_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKENLANE_LANES", "tiny:512,long")
    assert load(ClassifierSettings).lanes == (LaneSetting("tiny", 512), LaneSetting("long", None))


@pytest.mark.parametrize(
    ("name", "value"), [("LANES", "short:0,long"), ("OUTPUT_QUANTILE", "1"), ("MAX_IN_FLIGHT", "0")]
)
def test_a_wrong_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    monkeypatch.setenv(f"TOKENLANE_{name}", value)
    with pytest.raises(SystemExit) as exit_:
        load(ClassifierSettings)
    assert exit_.value.code == 2
    assert f"TOKENLANE_{name}" in capsys.readouterr().err
