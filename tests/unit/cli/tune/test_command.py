"""`tokenlane tune` as it is typed: from a recording, and from a real nats-server."""

import asyncio
import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
import yaml
from rich.console import Console

from tests.support.nats_server import NatsServer
from tests.support.waiting import until
from tests.unit.cli.tune.made import mixed, row, written
from tests.unit.cli.tune.test_advice import analysed
from tokenlane.v1.lane_pb2 import Boundaries, LaneProfile, LaneUpper
from tokenlane.v1.reply_pb2 import Usage, UsageEvent
from tokenlane.v1.request_pb2 import Classification, Facts
from tokenlane_chassis.connection import BusOptions, connect
from tokenlane_cli import app
from tokenlane_cli.record.rows import Row
from tokenlane_cli.tune.table import report_lines
from tokenlane_proto import topology

Typed = Callable[..., tuple[int, str, str]]
ENGINE = ("--model", "llama-3-8b", "--gpu", "h100")


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    """Exit code, stdout and stderr of `tokenlane tune` with the arguments."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["tokenlane", "tune", *arguments])
        with pytest.raises(SystemExit) as ended:
            app.main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


def test_a_recording_becomes_a_report_values_and_settings(typed: Typed, tmp_path: Path) -> None:
    recording = written(tmp_path / "week.jsonl", [*mixed(1_200, gap_ms=50), row(model="other")])
    values = tmp_path / "values.yaml"
    code, said, _ = typed("--from", str(recording), *ENGINE, "--helm-values", str(values))
    assert code == 0
    for part in (
        "by day, UTC",
        "output by route",
        "recommended: ",
        "simulated on the busiest 1,200",
        "TOKENLANE_LANES=",
    ):
        assert part in said
    assert "other models on this bus: other" in said
    lanes = yaml.safe_load(values.read_text())["lanes"]
    assert set(lanes) == {"short", "long"}
    assert sum(lane["replicas"] for lane in lanes.values() if lane) == 4
    code, said, _ = typed("--from", str(recording), *ENGINE, "--json", "--served-model", "llama")
    report = json.loads(said)
    assert code == 0
    assert report["counted"]["requests"] == 1_200
    assert report["comparison"]["requests"] == 1_200
    assert report["other_models"] == []


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--from", "none.jsonl"), "no trace at none.jsonl"),
        (("--since", "yesterday"), "--since: 'yesterday'"),
        (("--tenant", "a.b"), "'a.b' is not the name of a tenant"),
        (("--gpu", "h100"), "--model and --gpu go together"),
        (("--tp", "2"), "--tp needs"),
        ((*ENGINE, "--profile", "p.json"), "leave out one or the other"),
        (("--model", "llama-3-8b", "--gpu", "abacus"), "abacus"),
        (("--slo-tpot", "fast"), "--slo-tpot"),
        (("--helm-values", "none/v.yaml"), "cannot write --helm-values"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(arguments: tuple[str, ...], line: str, typed: Typed) -> None:
    code, out, err = typed(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("tokenlane: ")
    assert line in err
    assert err.count("\n") == 1


def test_values_are_refused_where_nothing_is_recommended(typed: Typed, tmp_path: Path) -> None:
    recording = written(tmp_path / "f", [row()])
    code, out, err = typed("--from", str(recording), "--helm-values", str(tmp_path / "v.yaml"))
    assert code == 2
    assert "Too little traffic" in out
    assert err.startswith("tokenlane: --helm-values: nothing is recommended")
    assert typed("--from", str(recording), "--tenant", "nobody")[2] == "tokenlane: no such request is recorded\n"


def test_it_fits_the_terminal_and_obeys_no_names() -> None:
    rows = mixed(600, gap_ms=300)
    hostile = "[red]\x1b[31m" + "x" * 60
    rows += [row(tenant=hostile, lane=hostile, system="f" * 16, tools="e" * 16, output=3_000, max_output=9)] * 9
    report = analysed(rows)
    for width in (80, 120):
        console = Console(file=io.StringIO(), width=width)
        for line in report_lines(report):
            console.print(line)
        assert isinstance(console.file, io.StringIO)
        text = console.file.getvalue()
        assert all(len(line) <= width for line in text.splitlines())
        assert "\x1b" not in text
        assert "[red]" in text
        # Names may be shortened, figures and headers not.
        assert all("x…" in line or "…" not in line for line in text.splitlines())


def event(each: Row, number: int) -> bytes:
    return UsageEvent(
        request_id=f"r{number}",
        model=each.model,
        lane=each.lane,
        usage=Usage(prompt_tokens=each.input_length, completion_tokens=each.output_length),
        accepted_unix_ms=each.timestamp,
        facts=Facts(model=each.model, system_hash=0x5EED),
        classification=Classification(
            lane=each.lane, prompt_tokens=each.prompt_budget, output_tokens=200, typical_output_tokens=100
        ),
        queue_wait_us=each.queue_wait_us,
        first_data_us=each.first_data_us,
        worker=each.worker,
    ).SerializeToString()


@pytest.fixture
def server() -> Iterator[NatsServer]:
    with NatsServer() as server:
        yield server


def test_the_bus_knows_traffic_lanes_and_boundaries(server: NatsServer, typed: Typed) -> None:
    rows = mixed(1_100, gap_ms=200)
    profile = LaneProfile(
        model="llama", max_model_len=32_768, kv_capacity_tokens=200_000, max_num_seqs=64, max_num_batched_tokens=4_096
    )
    boundaries = Boundaries(lanes=[LaneUpper(lane="short", upper_tokens=2_048), LaneUpper(lane="long")])

    async def happened() -> None:
        bus = await connect(BusOptions(server.url), "test", structlog.get_logger(), lambda: None)
        for number, each in enumerate(rows):
            bus.post(f"usage.{each.tenant}", event(each, number))
        bus.post("usage.acme", b"\xff\xff")
        await bus.put(topology.BOUNDARY_BUCKET, topology.model_key("llama"), boundaries.SerializeToString())
        for lane in ("short", "long"):
            await bus.put(topology.LANE_BUCKET, topology.lane_key(lane, "llama"), profile.SerializeToString())

        async def stored() -> bool:
            return sum((await bus.subject_counts(topology.USAGE, "usage.*")).values()) == len(rows) + 1

        await until(stored)
        await bus.close()

    assert typed("--nats-url", server.url)[2].startswith("tokenlane: no tokenlane has run on the bus")
    asyncio.run(happened())
    code, said, _ = typed("--nats-url", server.url, "--json")
    assert code == 0
    report = json.loads(said)
    assert (report["counted"]["requests"], report["skipped"]) == (1_100, 1)
    assert report["counted"]["boundaries_from"] == "as the autoscaler has set it"
    assert [lane["up_to_tokens"] for lane in report["counted"]["lanes"]] == [2_048, None]
    assert [lane["workers"] for lane in report["counted"]["lanes"]] == [2, 2]
    assert report["counted"]["routes"][0]["system"] == f"{0x5EED:016x}"
    assert report["comparison"] is not None
    assert "ASSUMED" in report["engine"]
