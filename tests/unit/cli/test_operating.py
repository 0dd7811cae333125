"""The operator's commands as they are typed, against a real nats-server."""

import asyncio
import io
import json
from collections.abc import Sequence

import pytest
import structlog
from rich.console import Console

from tests.support.nats_server import NatsServer
from tests.unit.cli.conftest import Typed, printed
from tests.unit.cli.dead import BODY, KEYED, NOW, bury, letter, request
from tokenlane_chassis.connection import BusOptions, connect
from tokenlane_cli.dlq.letters import Key
from tokenlane_cli.dlq.table import letter_lines, letters_table


async def on_bus(url: str, dead: Sequence[tuple[str, str]]) -> None:
    bus = await connect(BusOptions(url), "test", structlog.get_logger(), lambda: None)
    for number, (tenant, request_id) in enumerate(dead):
        await bury(bus, tenant, request(request_id), minutes_ago=9 - number)
    await bus.close()


def bury_on(server: NatsServer, *dead: tuple[str, str]) -> None:
    asyncio.run(on_bus(server.url, dead))


def test_dead_letters_from_list_to_drop(server: NatsServer, typed: Typed) -> None:
    bury_on(server, ("demo", "r1"), ("demo", "r2"), ("acme", "r1"))
    code, out, _ = typed("dlq", "list", "--json")
    assert code == 0
    assert [(row["tenant"], row["request_id"]) for row in json.loads(out)] == [
        ("acme", "r1"),
        ("demo", "r2"),
        ("demo", "r1"),
    ]
    code, out, _ = typed("dlq", "list", "--tenant", "demo")
    assert "demo/r1" in out
    assert "the engine died" in out
    assert "acme" not in out
    code, out, _ = typed("dlq", "show", "acme/r1")
    assert (code, "[red]hi[/red]" in out, "short-3f" in out) == (0, True, True)
    code, out, _ = typed("dlq", "show", "r2", "--json")
    assert json.loads(out)["request_id"] == "r2"
    assert typed("dlq", "replay", "demo/r1", "r2") == (0, "replayed demo/r1\nreplayed demo/r2\n", "")
    code, out, _ = typed("dlq", "drop", "--all", "--json")
    assert json.loads(out) == [{"tenant": "acme", "request_id": "r1", "dropped": True}]
    assert typed("dlq", "list") == (0, "no dead letters\n", "")
    assert typed("dlq", "drop", "--all") == (0, "no dead letters\n", "")
    assert typed("dlq", "list", "--json") == (0, "[]\n", "")


def test_what_cannot_be_replayed_does_not_keep_the_rest(server: NatsServer, typed: Typed) -> None:
    bury_on(server, ("demo", "r2"))

    async def broken() -> None:
        bus = await connect(BusOptions(server.url), "test", structlog.get_logger(), lambda: None)
        await bus.publish_durable("dead.demo.r1", b"\xff\xff")
        await bus.close()

    asyncio.run(broken())
    code, out, err = typed("dlq", "replay", "--all")
    assert (code, out) == (2, "replayed demo/r2\n")
    assert err == "tokenlane: 1 of 2 not replayed: demo/r1: it holds no request that could be read\n"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["dlq", "show", "r9"], "no tokenlane has run on the bus at"),
        (["dlq", "list"], "no tokenlane has run on the bus at"),
        (["tenant", "list"], "no tokenlane has run on the bus at"),
        (["tenant", "set", "demo", "--timeout", "3"], "no tokenlane has run on the bus at"),
        (["dlq", "replay"], "name requests, or all of them with --all"),
        (["dlq", "drop", "r1", "--all"], "name requests, or all of them with --all"),
        (["dlq", "list", "--tenant", "a.b"], "'a.b' is not the name of a tenant"),
        (["dlq", "list", "--nats-url", "nats://127.0.0.1:1"], "no bus at nats://127.0.0.1:1"),
        (["dlq", "show"], "Missing argument"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(arguments: list[str], line: str, typed: Typed) -> None:
    code, out, err = typed(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("tokenlane: ")
    assert line in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("width", [40, 80, 200])
def test_names_and_reasons_are_whole_on_any_terminal(width: int) -> None:
    console = Console(file=io.StringIO(), width=width)
    dead = letter(request(KEYED))
    console.print(letters_table([(Key("demo", KEYED), dead)], NOW))
    lines = printed(console).splitlines()
    assert max(map(len, lines)) <= width
    assert f"demo/{KEYED}".replace("/", "") in "".join(line[15:].strip() for line in lines).replace("/", "")
    assert "4 min ago" in printed(console)


def test_nothing_in_a_letter_reaches_the_terminal_as_a_command() -> None:
    console = Console(file=io.StringIO(), width=80, force_terminal=True)
    dead = letter(request(body=BODY.replace(b"hi", b"\x1b]0;title\x07")))
    for part in letter_lines(Key("demo", "r1"), dead, NOW):
        console.print(part)
    assert "\x1b[2J" not in printed(console)
    assert "\x1b]0" not in printed(console)
    assert "handed over: stopped" in printed(console)


def test_a_long_body_is_cut_and_a_stored_one_is_named() -> None:
    console = Console(file=io.StringIO(), width=80)
    for part in letter_lines(Key("demo", "r1"), letter(request(body=b"x" * 10_000)), NOW):
        console.print(part)
    assert "10,000 bytes" in printed(console)
    assert "--json" in printed(console)
    assert printed(console).count("x") < 2_000
