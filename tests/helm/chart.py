"""The chart, rendered."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).parents[2] / "helm/tokenlane"
CI_VALUES = sorted((CHART / "ci").glob("*-values.yaml"))
PRODUCTION = CHART / "ci/production-values.yaml"
RELEASE = "rel"

Manifest = dict[str, Any]
Values = Mapping[str, Any]


class ChartError(Exception):
    """Helm refused; the text is what it said."""


@dataclass(frozen=True)
class Helm:
    """A Helm program, applied to the chart."""

    program: Path

    def run(self, *arguments: str, stdin: str = "") -> str:
        """Output of a helm command. Raises ChartError."""
        done = subprocess.run([str(self.program), *arguments], input=stdin, capture_output=True, text=True)
        if done.returncode:
            raise ChartError(done.stderr + done.stdout)
        return done.stdout

    def render(self, values: Values | None = None, file: Path | None = None) -> list[Manifest]:
        """The objects of a release with `values` over those of `file`."""
        files = ["--values", str(file)] if file else []
        text = self.run("template", RELEASE, str(CHART), *files, "--values", "-", stdin=json.dumps(values or {}))
        return [each for each in yaml.safe_load_all(text) if each]


def select(manifests: list[Manifest], kind: str) -> dict[str, Manifest]:
    """Objects of a kind by component, or by name where they have none."""
    found = [each for each in manifests if each["kind"] == kind]
    return {each["metadata"].get("labels", {}).get(COMPONENT, each["metadata"]["name"]): each for each in found}


COMPONENT = "app.kubernetes.io/component"


def pods(manifests: list[Manifest]) -> dict[str, Manifest]:
    """Every pod specification, by component."""
    templated = select(manifests, "Deployment") | select(manifests, "StatefulSet")
    bare = {name: pod["spec"] for name, pod in select(manifests, "Pod").items()}
    return {name: each["spec"]["template"]["spec"] for name, each in templated.items()} | bare


def settings(manifests: list[Manifest]) -> dict[str, dict[str, str]]:
    """The environment of each service, by component."""
    return {name: each["data"] for name, each in select(manifests, "ConfigMap").items() if name in pods(manifests)}
