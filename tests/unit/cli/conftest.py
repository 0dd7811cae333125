"""A fake ingress, and a console whose output can be read."""

import io
from collections.abc import AsyncIterator

import pytest
from rich.console import Console

from tests.unit.cli.fake_ingress import FakeIngress, fake_ingress


@pytest.fixture
async def ingress() -> AsyncIterator[FakeIngress]:
    async with fake_ingress() as fake:
        yield fake


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=80)


def printed(console: Console) -> str:
    """What was printed so far."""
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()
