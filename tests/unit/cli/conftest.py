"""A fake ingress, a real bus, commands as they are typed, and a console whose output can be read."""

import io
import sys
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from rich.console import Console

from tests.support.nats_server import NatsServer
from tests.unit.cli.fake_ingress import FakeIngress, fake_ingress
from tokenlane_cli import app

Typed = Callable[..., tuple[int, str, str]]


@pytest.fixture
async def ingress() -> AsyncIterator[FakeIngress]:
    async with fake_ingress() as fake:
        yield fake


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=80)


@pytest.fixture
def server() -> Iterator[NatsServer]:
    """One that tokenlane has not been on."""
    with NatsServer() as server:
        yield server


@pytest.fixture
def typed(server: NatsServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    """Exit code, stdout and stderr of a command."""
    monkeypatch.setenv("TOKENLANE_NATS_URL", server.url)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["tokenlane", *arguments])
        with pytest.raises(SystemExit) as ended:
            app.main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


def printed(console: Console) -> str:
    """What was printed so far."""
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()
