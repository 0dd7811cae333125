"""The demonstration's requests, its questions to a fake ingress, its table."""

import io
from collections.abc import AsyncIterator

import pytest
from openai import AsyncOpenAI
from rich.console import Console

from tests.unit.cli.conftest import printed
from tests.unit.cli.fake_ingress import FakeIngress
from tokenlane_cli.demo.ask import Answer, ask_all
from tokenlane_cli.demo.requests import Ask, document_sizes, mixed
from tokenlane_cli.demo.table import answers_table, summary


@pytest.fixture
async def client(ingress: FakeIngress) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=f"{ingress.url}/v1", api_key="tl-key", max_retries=0) as client:
        yield client


@pytest.mark.parametrize(("boundary", "context"), [(512, 2048), (1024, 8192), (8192, 131_072), (None, 0), (1024, 0)])
def test_both_lanes_get_work_that_fits(boundary: int | None, context: int) -> None:
    limit = boundary or 512
    asks = mixed(boundary, context)
    sizes = [len(ask.prompt) / 4.3 for ask in asks]
    assert len(sizes) == 20
    assert sum(size < limit / 2 for size in sizes) == 12
    assert sum(size > 1.1 * limit for size in sizes) == 8
    if context:
        assert all(size * 1.15 + ask.max_tokens < context for size, ask in zip(sizes, asks, strict=True))


def test_documents_differ_and_stay_inside_a_small_context() -> None:
    assert document_sizes(1024, 1100, 3) == [752, 752, 752]
    assert len({ask.prompt for ask in mixed(512, 2048)}) == 20


async def test_answers_carry_what_the_client_saw(client: AsyncOpenAI, ingress: FakeIngress) -> None:
    seen: list[Answer] = []
    answers = await ask_all(client, "m", [Ask("x" * 40, 4), Ask("x" * 4000, 2)], 2, seen.append)
    assert sorted(seen, key=lambda answer: answer.number) == answers
    short, long = answers
    assert (short.lane, long.lane) == ("short", "long")
    assert (short.budget_tokens, short.tokens, short.output_tokens) == (30, 20, 4)
    assert (short.text, short.queue_s, short.simulated) == ("word0 word1 word2 word3 ", 0.0015, True)
    assert short.ttft_s is not None
    assert short.tpot_s is not None


async def test_at_most_so_many_at_a_time(client: AsyncOpenAI, ingress: FakeIngress) -> None:
    await ask_all(client, "m", [Ask("x", 3)] * 9, 2, lambda _: None)
    assert ingress.most_running <= 2
    assert len(ingress.asked) == 9


async def test_a_refusal_is_a_row_of_the_table(client: AsyncOpenAI, ingress: FakeIngress, console: Console) -> None:
    ingress.refuse_above = 50
    answers = await ask_all(client, "m", [Ask("x" * 4000, 4), Ask("x", 4)], 2, lambda _: None)
    console.print(answers_table(answers))
    assert "too long" in answers[0].error
    assert "Error code" in printed(console)
    assert summary(answers)[-1] == "1 of 2 requests failed"


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_fits_and_says_that_it_is_simulated(width: int) -> None:
    console = Console(file=io.StringIO(), width=width)
    answer = Answer(20, "short", 12345, 12345, 12000, 0.0123, 0.123, 0.0234, True, "[simulated] first line\nsecond")
    console.print(answers_table([answer]))
    text = printed(console)
    assert max(len(line.rstrip()) for line in text.splitlines()) <= width
    assert text.count("12,345") == 2
    assert "SIMULATED ENGINE" in text
    assert "SIMULATED firs" in text
    assert "second" not in text


def test_a_real_engine_is_not_called_simulated() -> None:
    console = Console(file=io.StringIO(), width=80)
    console.print(answers_table([Answer(1, "short", 20, 20, 8, text="Paris.")]))
    assert "SIMULATED" not in printed(console)
    assert "Paris." in printed(console)
