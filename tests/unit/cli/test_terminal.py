"""What the user sees: signals, the board, one line for each mistake."""

import asyncio
import io
import os
import signal
import sys

import pytest
from rich.console import Console

from tests.unit.cli.conftest import printed
from tokenlane_cli import __version__, app
from tokenlane_cli.stack.board import Board
from tokenlane_cli.stack.decide import Phase
from tokenlane_cli.stack.signals import Signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_the_first_signal_asks_and_the_second_insists(number: signal.Signals) -> None:
    signals = Signals()
    try:
        os.kill(os.getpid(), number)
        await signals.stopping.wait()
        assert not signals.force.is_set()
        os.kill(os.getpid(), number)
        await signals.force.wait()
    finally:
        signals.remove()


async def test_work_is_cancelled_by_a_signal_and_may_still_finish() -> None:
    signals = Signals()

    async def stubborn() -> int:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return 130
        return 0

    async def forever() -> int:
        await asyncio.Event().wait()
        return 0

    async def quick() -> int:
        return 7

    try:
        assert await signals.unless_stopped(quick()) == 7
        signals.stopping.set()
        assert await signals.unless_stopped(forever()) is None
        assert await signals.unless_stopped(stubborn()) == 130
    finally:
        signals.remove()


def test_without_a_terminal_the_board_prints_a_line_a_process(console: Console) -> None:
    board = Board(console)
    board.begin()
    board.process("nats", Phase.STARTING, 0.0)
    board.process("nats", Phase.READY, 0.3)
    board.settle()
    board.process("worker-short-2", Phase.READY, 1.0)
    board.note("lane short: [starting] worker-short-2")
    board.end()
    board.process("nats", Phase.EXITED, 9.0)
    lines = printed(console).splitlines()
    assert lines[0] == "  nats ready (0.3 s)"
    assert lines[1].endswith("lane short: [starting] worker-short-2")
    assert lines[2] == "  nats stopped"


def test_on_a_terminal_the_board_shows_every_process_with_its_seconds() -> None:
    console = Console(file=io.StringIO(), width=60, force_terminal=True)
    board = Board(console)
    board.begin()
    board.process("nats", Phase.READY, 0.3)
    board.process("worker-long-1", Phase.STARTING, 41.0)
    board.settle()
    assert "worker-long-1" in printed(console)
    assert "41.0 s" in printed(console)
    assert "0.3 s" in printed(console)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["up", "--engine", "sim", "--lanes", "one,two"], "there is no worker for lane 'one'"),
        (["up", "--engine", "gpt"], "--engine"),
        (["up", "--port", "70000"], "--port"),
        (["replay"], "Missing argument"),
        (["replay", "no-such-file.csv"], "no trace at no-such-file.csv"),
        (["replay", "--speedup", "0", "x"], "--speedup"),
        (["fly"], "No such command"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    arguments: list[str], line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["tokenlane", *arguments])
    with pytest.raises(SystemExit) as ended:
        app.main()
    said = capsys.readouterr()
    assert ended.value.code == 2
    assert said.out == ""
    assert said.err.startswith("tokenlane: ")
    assert line in said.err
    assert said.err.count("\n") == 1


@pytest.mark.parametrize(("argument", "text"), [("--version", __version__), ("--help", "replay"), ("-h", "demo")])
def test_version_and_help(
    argument: str, text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["tokenlane", argument])
    with pytest.raises(SystemExit) as ended:
        app.main()
    assert ended.value.code == 0
    assert text in capsys.readouterr().out
