"""`tokenlane tenant` as it is typed, against a real nats-server."""

import asyncio
import json
from pathlib import Path

import pytest
import structlog

from tests.support.nats_server import NatsServer
from tests.unit.cli.conftest import Typed
from tokenlane_chassis.connection import BusOptions, connect

FILE = """
[tenants.acme]
weight = 3
timeout = 12.5
tokens-per-minute = 1_000_000

[tenants.batch]
priority = "batch"
"""


@pytest.fixture
def started(server: NatsServer) -> NatsServer:
    """One that tokenlane has been on."""

    async def create() -> None:
        bus = await connect(BusOptions(server.url), "test", structlog.get_logger(), lambda: None)
        await bus.close()

    asyncio.run(create())
    return server


@pytest.mark.usefixtures("started")
def test_a_tenants_policy_is_set_piece_by_piece(typed: Typed) -> None:
    assert typed("tenant", "list") == (0, "nothing is set for any tenant\n", "")
    assert typed("tenant", "list", "--json") == (0, "[]\n", "")
    assert typed("tenant", "set", "demo", "--timeout", "30") == (0, "demo: timeout 30 s\n", "")
    assert typed("tenant", "set", "acme", "--timeout", "0.001", "--priority", "batch")[0] == 0
    code, out, _ = typed("tenant", "set", "demo", "--weight", "2", "--tokens-in-flight", "100000", "--ttft", "0.5")
    assert (code, out) == (0, "demo: timeout 30 s, ttft 0.5 s, weight 2, tokens-in-flight 100,000\n")
    code, out, _ = typed(
        "tenant", "set", "demo", "--timeout", "0", "--requests-queued", "9", "--context-tokens", "4096"
    )
    assert out == "demo: ttft 0.5 s, weight 2, tokens-in-flight 100,000, requests-queued 9, context-tokens 4,096\n"
    _, out, _ = typed("tenant", "list", "--json")
    nothing = {
        "timeout_s": 0, "ttft_s": 0, "priority": None, "weight": 0, "tokens_in_flight": 0, "tokens_per_minute": 0,
        "requests_queued": 0, "context_tokens": 0,
    }  # fmt: skip
    set_for_demo = {"ttft_s": 0.5, "weight": 2, "tokens_in_flight": 100_000, "requests_queued": 9}
    assert json.loads(out) == [
        {**nothing, "tenant": "acme", "timeout_s": 0.001, "priority": "batch"},
        {**nothing, **set_for_demo, "tenant": "demo", "context_tokens": 4_096},
    ]
    none = "\N{EN DASH}"
    _, out, _ = typed("tenant", "list")
    (row,) = (line.split() for line in out.splitlines() if "acme" in line)
    assert row == ["acme", "0.001", none, "batch", none, none, none, none]


@pytest.mark.usefixtures("started")
def test_a_file_says_what_tenants_have(typed: Typed, tmp_path: Path) -> None:
    file = tmp_path / "tenants.toml"
    file.write_text(FILE)
    typed("tenant", "set", "acme", "--ttft", "9")
    typed("tenant", "set", "old", "--ttft", "9")
    assert typed("tenant", "apply", str(file)) == (
        0,
        "acme: set\nbatch: set\nold: not in the file, left as it is\n",
        "",
    )
    told = {row["tenant"]: row for row in json.loads(typed("tenant", "list", "--json")[1])}
    assert (told["acme"]["weight"], told["acme"]["timeout_s"], told["acme"]["tokens_per_minute"]) == (3, 12.5, 10**6)
    assert (told["acme"]["ttft_s"], told["batch"]["priority"], told["old"]["ttft_s"]) == (0, "batch", 9)
    _, out, _ = typed("tenant", "apply", str(file), "--prune")
    assert out == "acme: unchanged\nbatch: unchanged\nold: deleted\n"
    file.write_text("[tenants]\n")
    assert typed("tenant", "apply", str(file), "--prune")[1] == "acme: deleted\nbatch: deleted\n"
    assert typed("tenant", "list") == (0, "nothing is set for any tenant\n", "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "name what to set: --timeout, --ttft, --priority"),
        (["--timeout", "-1"], "--timeout must be 0.001 to 604,800 s"),
        (["--timeout", "nan"], "--timeout must be"),
        (["--timeout", "soon"], "--timeout"),
        (["--ttft", "1e9"], "--ttft must be"),
        (["--weight", "-2"], "--weight must be 0.001 to 1,000, or 0 to have nothing set, not -2.0"),
        (["--weight", "inf"], "--weight must be"),
        (["--priority", "urgent"], "--priority must be interactive, standard or batch, not 'urgent'"),
        (["--tokens-in-flight", "1.5"], "--tokens-in-flight"),
        (["--tokens-per-minute", "-1"], "--tokens-per-minute must be 1 to"),
        (["--requests-queued", "5000000000"], "--requests-queued must be"),
        (["--context-tokens", str(2**32)], "--context-tokens must be 1 to 4,294,967,295"),
        (["--weight", "2", "--priority", "batch", "--ttft", "-1"], "--ttft must be"),
    ],
)
def test_a_wrong_flag_is_one_line_and_changes_nothing(arguments: list[str], said: str, typed: Typed) -> None:
    _complains(typed, ["set", "demo", *arguments], said)


@pytest.mark.parametrize("name", ["a.b", "", "x" * 65])
def test_a_wrong_name_is_one_line(name: str, typed: Typed) -> None:
    _complains(typed, ["set", name, "--weight", "2"], "is not the name of a tenant")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[tenants.acme]\nwieght = 3\n", "tenants.acme: 'wieght' is unknown, there are timeout, ttft"),
        ("[tenants.acme]\ntokens_in_flight = 3\n", "'tokens_in_flight' is unknown"),
        ("[tenants.acme]\nweight = '3'\n", "tenants.acme: weight must be a number, not '3'"),
        ("[tenants.acme]\nweight = true\n", "weight must be a number, not True"),
        ("[tenants.acme]\nrequests-queued = 1.0\n", "requests-queued must be a whole number, not 1.0"),
        ("[tenants.acme]\ntimeout = -1\n", "tenants.acme: timeout must be"),
        ("[tenants.acme]\npriority = 1\n", "priority must be interactive, standard or batch, not 1"),
        ('[tenants."a.b"]\nweight = 3\n', "'a.b' is not the name of a tenant"),
        ('[tenants."\\u001b[2J"]\nweight = 3\n', "'\\x1b[2J' is not the name of a tenant"),
        ("[tenants]\nacme = 3\n", "tenants.acme is not a table"),
        ("tenants = 3\n", "holds no table [tenants]"),
        ("", "holds no table [tenants]"),
        ("[acme]\nweight = 3\n[tenants]\n", "'acme' is unknown: tenants are tables [tenants.NAME]"),
        ("[tenants.acme\n", "not TOML"),
        ("\xff", "not UTF-8"),
    ],
)
def test_a_wrong_file_is_one_line_and_changes_nothing(text: str, said: str, typed: Typed, tmp_path: Path) -> None:
    file = tmp_path / "tenants.toml"
    file.write_bytes(text.encode("latin-1"))
    _complains(typed, ["apply", str(file)], said)


def test_all_that_is_wrong_in_a_file_is_named(typed: Typed, tmp_path: Path) -> None:
    file = tmp_path / "tenants.toml"
    file.write_text("x = 1\n[tenants.a]\nweight = -1\nttft = 'x'\n[tenants.b]\ncolour = 'red'\n")
    for said in ("'x' is unknown", "tenants.a: weight", "tenants.a: ttft", "tenants.b: 'colour'"):
        _complains(typed, ["apply", str(file), "--prune"], said)
    _complains(typed, ["apply", str(tmp_path / "none.toml")], "none.toml: No such file")
    _complains(typed, ["apply", str(tmp_path)], "Is a directory")


def _complains(typed: Typed, arguments: list[str], said: str) -> None:
    code, out, err = typed("tenant", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("tokenlane: ")
    assert said in err
    assert err.count("\n") == 1
