"""Plots, JSON and files."""

import struct
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from tests.unit.cli.conftest import printed
from tests.unit.cli.plan.made import ANSWER, REPORT
from tokenlane_cli.errors import UsageError
from tokenlane_cli.plan import files
from tokenlane_cli.plan.cost_plot import cost_against_boundary
from tokenlane_cli.plan.drawing import svg
from tokenlane_cli.plan.latency_plot import latency_cdfs
from tokenlane_cli.plan.results import Wanted, as_json, check, deliver
from tokenlane_fleet.plan.report import PlanReport


def test_json_is_the_whole_report() -> None:
    assert msgspec.json.decode(as_json(REPORT), type=PlanReport) == REPORT


def test_every_wanted_file_is_written(tmp_path: Path, console: Console) -> None:
    wanted = Wanted(False, tmp_path / "plan.html", tmp_path / "a/plots", tmp_path / "values.yaml")
    check(wanted)
    deliver(ANSWER, wanted, console)
    names = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    plots = [f"a/plots/{name}.{kind}" for name in ("cost", "latency") for kind in ("png", "svg")]
    assert names == [*plots, "plan.html", "values.yaml"]
    assert REPORT.verdict[0] in printed(console)
    for plot in plots:
        content = (tmp_path / plot).read_bytes()
        if plot.endswith("png"):
            assert content.startswith(b"\x89PNG\r\n\x1a\n")
            width, height = struct.unpack(">II", content[16:24])
            assert min(width, height) > 500
        else:
            assert ElementTree.fromstring(content).tag == "{http://www.w3.org/2000/svg}svg"


def test_the_same_plan_is_drawn_the_same() -> None:
    def drawn() -> list[str]:
        figures = cost_against_boundary(REPORT), latency_cdfs(ANSWER)
        return [svg(figure) for figure in figures if figure is not None]

    first = drawn()
    assert len(first) == 2
    assert first == drawn()
    assert not any("<dc:date>" in text for text in first)


def test_a_plan_without_curves_boundaries_or_price_is_drawn_as_far_as_it_goes() -> None:
    bare = tuple(replace(option, curves=(), cost_per_hour=0.0) for option in REPORT.options)
    assert latency_cdfs(replace(ANSWER, report=replace(REPORT, options=bare))) is None
    assert cost_against_boundary(replace(REPORT, boundaries=())) is None
    free = cost_against_boundary(replace(REPORT, options=bare, price_per_gpu_hour=0.0))
    assert free is not None
    assert free.axes[0].get_ylabel() == "GPUs"


def test_what_cannot_be_written_is_said_before_anything_begins(tmp_path: Path) -> None:
    there = tmp_path / "file"
    there.write_text("mine")
    for wanted, line in (
        (Wanted(html=tmp_path), "cannot write --html .*: it is a directory"),
        (Wanted(html=tmp_path / "none/plan.html"), "cannot write --html .*: No such file"),
        (Wanted(plots=there), "cannot write --plots .*: File exists"),
        (Wanted(plots=there / "deeper"), "cannot write --plots .*: Not a directory"),
        (Wanted(helm=there / "values.yaml"), "cannot write --helm-values .*: Not a directory"),
    ):
        with pytest.raises(UsageError, match=line):
            check(wanted)
    check(Wanted(html=there))
    assert there.read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_file_is_replaced_at_once(tmp_path: Path) -> None:
    path = tmp_path / "plan.html"
    path.write_text("old")
    link = tmp_path / "link"
    link.symlink_to(path)
    files.write("--html", link, b"new")
    assert link.is_symlink()
    assert path.read_bytes() == b"new"
    assert len(list(tmp_path.iterdir())) == 2
    path.unlink()
    path.mkdir()
    with pytest.raises(UsageError, match="cannot write --html"):
        files.write("--html", path, b"new")
