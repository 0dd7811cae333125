"""The command around the planner: refusals, stdout, progress, Ctrl-C."""

import io
import json
import os
import signal
import subprocess
import sys
import threading
import types
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tests.unit.cli.plan.made import ANSWER, REPORT
from tokenlane_cli import app
from tokenlane_cli.errors import UsageError
from tokenlane_cli.plan import command
from tokenlane_cli.plan.display import Stage, show_stages
from tokenlane_cli.plan.waiting import in_background

ENGINE = ("--model", "llama-3-70b", "--gpu", "h100")


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["tokenlane", "plan", *arguments])
    with pytest.raises(SystemExit) as ended:
        app.main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The questions that reached the planner, which answers with a plan made by hand."""
    questions: list[Any] = []

    def ask(question: Any, line: str, tell: Any) -> Any:
        questions.append(question)
        tell(Stage("two lanes", 1, 2, 3))
        return replace(ANSWER, command=line)

    fake = types.ModuleType("tokenlane_cli.plan.ask")
    fake.__dict__["ask"] = ask
    monkeypatch.setitem(sys.modules, "tokenlane_cli.plan.ask", fake)
    return questions


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ((), "Missing argument"),
        (("x.csv",), "--model and --gpu"),
        (("x.csv", *ENGINE, "--slo-ttft", "soon"), "--slo-ttft: 'soon' is not a duration"),
        (("x.csv", *ENGINE, "--slo-tpot", "1ms,2ms,3ms"), "--slo-tpot"),
        (("x.csv", *ENGINE, "--attainment", "99"), "--attainment"),
        (("x.csv", *ENGINE, "--lanes", "0"), "--lanes"),
        (("x.csv", *ENGINE, "--rate", "-1"), "--rate"),
        (("x.csv", *ENGINE, "--budgets", "guessed"), "--budgets"),
        (("x.csv", *ENGINE, "--profile", "p.json"), "leave out"),
        (("x.csv", *ENGINE, "--html", "none/plan.html"), "cannot write --html"),
        (("x.csv", *ENGINE, "--option", "two"), "--option"),
        (("x.csv", *ENGINE, "--helm-values", "v.yaml", "--option", "four"), "there are: paper, defaults"),
    ],
)
def test_a_mistake_is_one_line(
    arguments: tuple[str, ...],
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    asked: list[Any],
) -> None:
    assert run(monkeypatch, *arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("tokenlane: ")
    assert said.err.count("\n") == 1
    assert line in said.err
    assert not asked


def test_missing_packages_are_named_with_the_way_to_get_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "find_spec", lambda name: None if name == "numba" else True)
    assert run(monkeypatch, "x.csv", *ENGINE) == 2
    said = capsys.readouterr().err
    assert said == "tokenlane: tokenlane plan needs more packages: pip install 'tokenlane-cli[plan]'\n"


def test_stdout_has_the_result_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], asked: list[Any]
) -> None:
    assert run(monkeypatch, "x.csv", *ENGINE, "--json", "--slo-ttft", "2s,9s") == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["best"] == "one"
    assert said.err == ""
    (question,) = asked
    assert (question.objectives.ttft_s, question.objectives.long_ttft_s) == (2.0, 9.0)


def test_no_fleet_that_keeps_the_objectives_is_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], asked: list[Any]
) -> None:
    nothing = replace(ANSWER, report=replace(REPORT, best=None))
    monkeypatch.setattr(sys.modules["tokenlane_cli.plan.ask"], "ask", lambda *_: nothing)
    assert run(monkeypatch, "x.csv", *ENGINE) == 1
    assert REPORT.verdict[0] in capsys.readouterr().out


def test_the_files_name_the_command_that_repeats_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, asked: list[Any]
) -> None:
    page = tmp_path / "plan.html"
    assert run(monkeypatch, "a b.csv", *ENGINE, "--html", str(page)) == 0
    assert "tokenlane plan &#39;a b.csv&#39; --model llama-3-70b" in page.read_text()


def test_progress_is_for_terminals() -> None:
    quiet = Console(file=io.StringIO(), width=100)
    shown = Console(file=io.StringIO(), width=100, force_terminal=True)
    for console in (quiet, shown):
        with show_stages(console) as tell:
            tell(Stage("compiling the simulator"))
            tell(Stage("two lanes", 3, 9, 1_234))
    assert isinstance(quiet.file, io.StringIO)
    assert isinstance(shown.file, io.StringIO)
    assert quiet.file.getvalue() == ""
    assert "two lanes, 1,234 fleets simulated" in shown.file.getvalue()


def test_work_in_the_background_hands_over_its_result_or_its_error() -> None:
    assert in_background(lambda: threading.current_thread() is not threading.main_thread())

    def fails() -> None:
        raise UsageError("no trace")

    with pytest.raises(UsageError, match="no trace"):
        in_background(fails)


# A shell's background jobs ignore SIGINT, and so would their children.
STUCK = """
import signal, sys, threading, types
signal.signal(signal.SIGINT, signal.default_int_handler)
ask = types.ModuleType("tokenlane_cli.plan.ask")
def stuck(question, command, tell):
    threading.Thread(target=threading.Event().wait).start()
    print("begun", flush=True)
    threading.Event().wait()
ask.ask = stuck
sys.modules["tokenlane_cli.plan.ask"] = ask
from tokenlane_cli.app import main
sys.argv = ["tokenlane", "plan", "x.csv", "--model", "m", "--gpu", "g"]
main()
"""


def test_ctrl_c_ends_it_at_once_with_one_line() -> None:
    child = subprocess.Popen([sys.executable, "-c", STUCK], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout is not None
    try:
        assert child.stdout.readline() == "begun\n"
        os.kill(child.pid, signal.SIGINT)
        out, err = child.communicate(timeout=5)
    finally:
        child.kill()
    assert (child.returncode, out, err) == (130, "", "tokenlane: interrupted\n")


def test_the_command_is_there_without_loading_what_it_needs() -> None:
    code = "import sys, tokenlane_cli.app; print({'numpy', 'numba', 'matplotlib', 'jinja2', 'yaml'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
