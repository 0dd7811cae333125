"""Sending a trace and reporting what came back, against a fake ingress."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from rich.console import Console

from tests.unit.cli.conftest import printed
from tests.unit.cli.fake_ingress import BYTES_PER_TOKEN, OVERHEAD_TOKENS, FakeIngress
from tokenlane_cli.errors import StackFailedError, UsageError
from tokenlane_cli.replay.client import LoadClient
from tokenlane_cli.replay.prompt import Bodies
from tokenlane_cli.replay.run import INTERRUPTED, Tally, calibrate, send_all
from tokenlane_cli.replay.session import ReplayOptions, check_json_file, run_replay
from tokenlane_cli.replay.target import Target, choose
from tokenlane_cli.stack import files
from tokenlane_cli.stack.files import LaneInfo, ProcessInfo, StackInfo
from tokenlane_cli.traces.arrivals import Arrival

TRACE = [Arrival(0.0, 50, 8), Arrival(0.1, 800, 16), Arrival(0.2, 60, 1)]


@pytest.fixture
async def client(ingress: FakeIngress) -> AsyncIterator[LoadClient]:
    async with LoadClient(ingress.url, "tl-key", timeout_s=30) as client:
        yield client


def options(tmp_path: Path, max_context: int | None = None, json_file: Path | None = None) -> ReplayOptions:
    return ReplayOptions(
        trace=Path("made-up.csv"),
        speedup=10,
        limit=None,
        max_context=max_context,
        concurrency=None,
        rate=None,
        seed=1,
        json_file=json_file,
        data_dir=tmp_path,
    )


def target(ingress: FakeIngress, context: int = 0) -> Target:
    return Target(ingress.url, "tl-key", "m", context, "sim")


async def test_one_request_is_timed_and_its_headers_are_read(client: LoadClient, ingress: FakeIngress) -> None:
    outcome = await client.send(3, 0.5, Bodies("m", 1).of_size(400, 16))
    assert (outcome.index, outcome.sent_s, outcome.error) == (3, 0.5, "")
    assert (outcome.lane, outcome.queue_s, outcome.simulated) == ("short", 0.0015, True)
    assert (outcome.prompt_tokens, outcome.output_tokens, outcome.events) == (100 + OVERHEAD_TOKENS, 16, 18)
    assert outcome.ttft_s is not None
    assert outcome.e2e_s is not None
    assert 0 < outcome.ttft_s <= outcome.e2e_s
    assert outcome.tpot_s == pytest.approx((outcome.e2e_s - outcome.ttft_s) / 15)
    assert ingress.keys == {"Bearer tl-key"}


async def test_refusals_and_broken_streams_are_outcomes(client: LoadClient, ingress: FakeIngress) -> None:
    ingress.refuse_above = 50
    assert (await client.send(0, 0.0, Bodies("m", 1).of_size(400, 1))).error == "400: too long"
    ingress.break_after = 3
    assert (await client.send(0, 0.0, Bodies("m", 1).of_size(40, 9))).error == "the stream broke off"


async def test_a_server_that_is_not_there_is_an_outcome() -> None:
    async with LoadClient("http://127.0.0.1:1", "", timeout_s=5) as client:
        assert "Cannot connect" in (await client.send(0, 0.0, b"{}")).error


async def test_calibration_finds_what_the_server_counts(client: LoadClient) -> None:
    counts = await calibrate(client, Bodies("m", 1), 0)
    assert counts.bytes_per_token == pytest.approx(BYTES_PER_TOKEN)
    assert counts.overhead_tokens == pytest.approx(OVERHEAD_TOKENS)


async def test_calibration_says_why_it_failed(client: LoadClient, ingress: FakeIngress) -> None:
    ingress.refuse_above = 0
    with pytest.raises(StackFailedError, match="400: too long"):
        await calibrate(client, Bodies("m", 1), 0)


async def test_requests_leave_at_their_time_divided_by_the_speedup(client: LoadClient) -> None:
    bodies, tally = Bodies("m", 1), Tally()
    outcomes = await send_all(client, TRACE, lambda a: bodies.of_size(40, a.output_tokens), 2, None, tally)
    assert [outcome.output_tokens for outcome in outcomes] == [8, 16, 1]
    for outcome, arrival in zip(outcomes, TRACE, strict=True):
        assert arrival.at_s / 2 <= outcome.sent_s <= arrival.at_s / 2 + tally.late_s + 0.05
    assert (tally.sent, tally.done, tally.failed, tally.in_flight) == (3, 3, 0, 0)


@pytest.mark.parametrize(("concurrency", "most"), [(2, 2), (None, 12)])
async def test_requests_in_flight_are_bounded_only_if_asked(
    client: LoadClient, ingress: FakeIngress, concurrency: int | None, most: int
) -> None:
    ingress.hold = asyncio.Event()
    bodies = Bodies("m", 1)
    sending = asyncio.create_task(
        send_all(client, [Arrival(0.0, 1, 1)] * 12, lambda _: bodies.of_size(4, 1), 1, concurrency, Tally())
    )
    async with asyncio.timeout(10):
        while ingress.running < most:
            await asyncio.sleep(0)
    ingress.hold.set()
    assert all(not outcome.error for outcome in await sending)
    assert ingress.most_running == most


async def test_what_an_interruption_leaves_is_an_outcome_too(client: LoadClient, ingress: FakeIngress) -> None:
    ingress.hold = asyncio.Event()
    bodies = Bodies("m", 1)
    trace = [Arrival(0.0, 1, 1), Arrival(1000.0, 1, 1)]
    sending = asyncio.create_task(send_all(client, trace, lambda _: bodies.of_size(4, 1), 1, None, Tally()))
    async with asyncio.timeout(10):
        while not ingress.running:
            await asyncio.sleep(0)
    sending.cancel()
    assert [outcome.error for outcome in await sending] == [INTERRUPTED, INTERRUPTED]


async def test_a_replay_prints_its_lanes_and_writes_everything(
    tmp_path: Path, console: Console, ingress: FakeIngress
) -> None:
    json_file = tmp_path / "out.json"
    assert await run_replay(console, target(ingress), TRACE, options(tmp_path, json_file=json_file)) == 0
    text = printed(console)
    assert "none lost" in text
    assert "SIMULATED ENGINE" in text
    assert max(len(line) for line in text.splitlines()) <= 80
    written = json.loads(json_file.read_text())
    assert [row["prompt_tokens"] for row in written["requests"]] == [50, 800, 60]
    assert [row["output_tokens"] for row in written["requests"]] == [8, 16, 1]
    assert list(written["lanes"]) == ["short", "long", "total"]
    assert written["lanes"]["total"]["preemptions"] is None
    assert written["metadata"]["simulated"] is True
    assert written["metadata"]["trace"] == "made-up.csv"


async def test_a_failed_request_makes_the_replay_fail(tmp_path: Path, console: Console, ingress: FakeIngress) -> None:
    ingress.refuse_above = 700
    assert await run_replay(console, target(ingress), TRACE, options(tmp_path)) == 1
    assert "1 times: 400: too long" in printed(console)
    assert "1 lost" in printed(console)


@pytest.mark.parametrize(("known", "asked"), [(256, None), (8192, 256)])
async def test_requests_are_cut_to_the_context(
    tmp_path: Path, console: Console, ingress: FakeIngress, known: int, asked: int | None
) -> None:
    assert await run_replay(console, target(ingress, known), TRACE, options(tmp_path, max_context=asked)) == 0
    assert all(prompt + output < 256 for prompt, output in ingress.asked)
    assert "1 of 3 requests cut to fit the context of 256 tokens" in printed(console)


async def test_preemptions_are_read_from_the_stacks_workers(
    tmp_path: Path, console: Console, ingress: FakeIngress
) -> None:
    worker = ProcessInfo("worker-short-1", "worker", "short", 17, f"{ingress.url}/metrics")
    stack = StackInfo(
        url=ingress.url,
        api_key="tl-key",
        tenant="demo",
        nats_url="",
        pid=os.getpid(),
        engine="sim",
        model="fake-model",
        simulated=True,
        lanes=(LaneInfo("short", 512, 2048), LaneInfo("long", None, 4096)),
        processes=(worker,),
    )
    files.write_stack(tmp_path, stack)
    chosen = await choose("", "", "", tmp_path)
    assert chosen == Target(ingress.url, "tl-key", "fake-model", 4096, "sim")
    ingress.preemptions = 5
    json_file = tmp_path / "out.json"
    assert await run_replay(console, chosen, TRACE, options(tmp_path, json_file=json_file)) == 0
    written = json.loads(json_file.read_text())
    assert written["lanes"]["short"]["preemptions"] == 0
    assert written["lanes"]["long"]["preemptions"] is None


async def test_without_a_stack_the_user_is_told_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="start one with `tokenlane up`"):
        await choose("", "", "", tmp_path)


async def test_an_ingress_by_url_is_asked_for_its_model(tmp_path: Path, ingress: FakeIngress) -> None:
    assert await choose(ingress.url, "key", "", tmp_path) == Target(ingress.url, "key", "fake-model", 0, "")


def test_a_json_file_that_cannot_be_written_is_refused_before_the_replay(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot write --json"):
        check_json_file(tmp_path / "none" / "out.json")
