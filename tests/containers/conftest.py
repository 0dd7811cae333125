"""One engine and one running stack for all container tests of a run."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.containers import engine as engines
from tests.containers.compose import Stack, installed_compose
from tests.containers.engine import Engine
from tests.containers.images import build_arguments

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache/containers"


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    try:
        with engines.engine(CACHE / "engine") as answering:
            yield answering
    except engines.NoEngineError as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="session")
def images(engine: Engine) -> dict[str, str]:
    """Variables of compose.yaml that name images to build from."""
    return build_arguments(engine, ROOT, CACHE)


@pytest.fixture(scope="session")
def compose() -> tuple[str, ...]:
    command = installed_compose()
    if command is None:
        pytest.skip("no Compose is installed")
    return command


@pytest.fixture(scope="session")
def stack(engine: Engine, images: dict[str, str], compose: tuple[str, ...]) -> Iterator[Stack]:
    """compose.yaml, healthy, on a free port."""
    variables = images | {"IMAGE_PREFIX": "tokenlane-test", "TOKENLANE_PORT": "0", "TOKENLANE_ENGINE": "sim"}
    stack = Stack(engine, ROOT, compose, f"tokenlane-test-{uuid4().hex[:8]}", variables)
    try:
        stack.build()
        stack.up()
        yield stack
    finally:
        stack.down()
