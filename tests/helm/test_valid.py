"""What both Helms render is what Kubernetes takes, and wrong values are refused by name."""

from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml

from tests.helm.chart import CHART, CI_VALUES, ChartError, Helm

KUBERNETES = ("1.27", "1.31", "1.37")


@pytest.mark.parametrize("file", CI_VALUES, ids=lambda file: file.stem)
def test_lints_without_a_warning(helm: Helm, file: Path) -> None:
    assert "0 chart(s) failed" in helm.run("lint", "--strict", str(CHART), "--values", str(file))


@pytest.mark.parametrize("file", CI_VALUES, ids=lambda file: file.stem)
def test_every_object_is_strictly_valid(helm: Helm, file: Path) -> None:
    manifests = helm.render(file=file)
    assert len(manifests) > 10
    for manifest in manifests:
        for version in KUBERNETES:
            kubernetes_validate.validate(manifest, version, strict=True)


def test_both_helms_render_the_defaults_alike(helm: Helm, one_helm: Helm) -> None:
    assert helm.render() == one_helm.render()


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"ingres": {}}, "ingres"),
        ({"ingress": {"replica": 3}}, "replica"),
        ({"ingress": {"replicas": "three"}}, "replicas"),
        ({"worker": {"engine": {"kind": "tgi"}}}, "kind"),
        ({"lanes": {"short": {"engine": {"modle": "x"}}}}, "modle"),
        ({"lanes": {"Short": {}}}, "Short"),
        ({"auth": {"tenant": "a tenant"}}, "tenant"),
        ({"ingress": {"image": {"digest": "latest"}}}, "digest"),
        ({"worker": {"engine": {"args": ["--x='1'"]}}}, "args"),
    ],
)
def test_an_unknown_or_wrong_value_is_refused(helm: Helm, values: dict[str, Any], named: str) -> None:
    with pytest.raises(ChartError, match=named):
        helm.render(values)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"worker": {"engine": {"kind": "vllm"}}}, "engine.model is needed"),
        ({"lanes": {"long": {"engine": {"kind": "url"}}}}, "lanes.long: engine.url is needed"),
        ({"auth": {"mode": "keys"}}, "auth.existingSecret is needed"),
        ({"nats": {"embedded": {"enabled": False}}}, "nats.url is needed"),
        ({"nats": {"url": "nats://elsewhere:4222"}}, "exclude each other"),
        ({"lanes": {"long": {"upToTokens": 9}}}, "exactly one lane must be without upToTokens"),
        ({"lanes": {"other": {}}}, "exactly one lane must be without upToTokens"),
    ],
)
def test_values_that_contradict_each_other_are_refused(helm: Helm, values: dict[str, Any], said: str) -> None:
    with pytest.raises(ChartError, match=said):
        helm.render(values)


def test_every_value_is_described(one_helm: Helm) -> None:
    readme = (CHART / "README.md").read_text()
    for section, value in yaml.safe_load((CHART / "values.yaml").read_text()).items():
        assert f"`{section}" in readme, section
        # Kubernetes' own objects and the names of lanes are not explained.
        own = isinstance(value, dict) and not section.endswith("SecurityContext") and section != "lanes"
        for key in value if own else ():
            assert key in readme, f"{section}.{key}"
