"""`tokenlane record` as it is typed, against a real nats-server."""

import asyncio
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog

from tests.support.nats_server import NatsServer
from tests.support.waiting import until
from tokenlane.v1.reply_pb2 import Usage, UsageEvent
from tokenlane_chassis.clock import unix_ms
from tokenlane_chassis.connection import BusOptions, connect
from tokenlane_cli import app
from tokenlane_cli.traces.arrivals import Arrival, read_arrivals
from tokenlane_proto import topology

Typed = Callable[..., tuple[int, str, str]]
MINUTE_MS = 60_000


@pytest.fixture
def server() -> Iterator[NatsServer]:
    with NatsServer() as server:
        yield server


@pytest.fixture
def typed(server: NatsServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    """Exit code, stdout and stderr of `tokenlane record` with the arguments."""
    monkeypatch.setenv("TOKENLANE_NATS_URL", server.url)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["tokenlane", "record", *arguments])
        with pytest.raises(SystemExit) as ended:
            app.main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


def answered(accepted_unix_ms: int, prompt: int, model: str = "sim", estimated: bool = False) -> bytes:
    usage = Usage(prompt_tokens=prompt, completion_tokens=7, estimated=estimated)
    event = UsageEvent(request_id="r", model=model, lane="short", usage=usage, accepted_unix_ms=accepted_unix_ms)
    return event.SerializeToString()


def happened(server: NatsServer, *events: tuple[str, bytes]) -> None:
    async def publish() -> None:
        bus = await connect(BusOptions(server.url), "test", structlog.get_logger(), lambda: None)
        for tenant, event in events:
            bus.post(f"usage.{tenant}", event)

        async def stored() -> bool:
            return sum((await bus.subject_counts(topology.USAGE, "usage.*")).values()) == len(events)

        await until(stored)
        await bus.close()

    asyncio.run(publish())


def test_traffic_comes_back_as_a_trace(server: NatsServer, typed: Typed, tmp_path: Path) -> None:
    now = unix_ms()
    happened(
        server,
        ("demo", answered(now - 2_000, 20)),
        ("acme", answered(now - 3_000, 10)),
        ("demo", answered(now - 1_000, 30, model="org/other", estimated=True)),
        ("demo", answered(now - 90 * MINUTE_MS, 5)),
        ("demo", answered(0, 99)),
        ("demo", b"\xff\xff"),
    )
    out = tmp_path / "traffic.jsonl"
    code, said, _ = typed(str(out))
    assert code == 0
    assert said.splitlines() == [
        f"4 requests in {out}",
        "1 with estimated lengths: streams whose client did not ask for usage (--counted-only leaves them out)",
        "2 left out: they do not say when they were accepted",
    ]
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert rows[1] == {
        "timestamp": now - 3_000,
        "input_length": 10,
        "output_length": 7,
        "tenant": "acme",
        "model": "sim",
        "lane": "short",
    }
    assert [row.get("estimated") for row in rows] == [None, None, None, True]
    assert typed(str(out), "--since", "1h")[0] == 0
    assert read_arrivals(out, None, None, 0) == ([Arrival(0.0, 10, 7), Arrival(1.0, 20, 7), Arrival(2.0, 30, 7)], ())
    zipped = tmp_path / "traffic.jsonl.gz"
    assert typed(str(zipped), "--tenant", "demo", "--counted-only", "--since", "1h")[0] == 0
    assert read_arrivals(zipped, None, None, 0) == ([Arrival(0.0, 20, 7)], ())
    assert typed(str(out), "--model", "org/other")[0] == 0
    assert read_arrivals(out, None, None, 0) == ([Arrival(0.0, 30, 7)], ())


def test_where_there_is_nothing_to_write_no_file_is_made(server: NatsServer, typed: Typed, tmp_path: Path) -> None:
    happened(server, ("demo", answered(unix_ms() - 90 * MINUTE_MS, 5)), ("demo", answered(0, 5)))
    out = tmp_path / "out"
    nothing = "tokenlane: no such request is kept on the bus{}: nothing was written\n"
    assert typed(str(out), "--tenant", "acme") == (2, "", nothing.format(""))
    assert typed(str(out), "--since", "1h") == (2, "", nothing.format(" (1 left out)"))
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["out"], "no tokenlane has run on the bus at"),
        (["out", "--since", "yesterday"], "--since: 'yesterday' is not a duration above zero, such as"),
        (["out", "--since", "0h"], "--since: '0h' is not a duration"),
        (["out", "--since", f"{'9' * 400}d"], "is not a duration"),
        (["out", "--tenant", "a.b"], "'a.b' is not the name of a tenant"),
        ([], "Missing argument"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(arguments: list[str], line: str, typed: Typed) -> None:
    code, out, err = typed(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("tokenlane: ")
    assert line in err
    assert err.count("\n") == 1


def test_a_file_that_cannot_be_written(server: NatsServer, typed: Typed, tmp_path: Path) -> None:
    happened(server, ("demo", answered(unix_ms(), 5)))
    for name in ("none/out", "none/out.gz"):
        code, _, err = typed(str(tmp_path / name))
        assert (code, err) == (2, f"tokenlane: cannot write {tmp_path / name}: No such file or directory\n")
