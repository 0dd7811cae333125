"""One engine and one running stack for all container tests of a run."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.containers.engine import Engine, NoEngineError, engine
from tests.containers.images import build_arguments, nats_image
from tests.containers.stack import Stack, compose_command

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache/containers"


@pytest.fixture(scope="session", name="engine")
def _engine() -> Iterator[Engine]:
    try:
        with engine(CACHE / "engine") as answering:
            yield answering
    except NoEngineError as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="session")
def nats_tag(engine: Engine) -> str:
    return nats_image(engine)


@pytest.fixture(scope="session")
def compose() -> tuple[str, ...]:
    command = compose_command()
    if command is None:
        pytest.skip("no Compose is installed")
    return tuple(command)


@pytest.fixture(scope="session")
def stack(engine: Engine, compose: tuple[str, ...]) -> Iterator[Stack]:
    variables = build_arguments(engine, ROOT, CACHE) | {"TOKENLANE_PORT": "0"}
    stack = Stack(engine, ROOT, compose, f"tokenlane-test-{uuid4().hex[:8]}", variables)
    try:
        stack.up()
        yield stack
    finally:
        stack.down()
