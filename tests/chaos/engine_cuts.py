"""Streams of a real engine whose worker is killed in mid-stream, and what the engine says to where they were cut."""

import asyncio
import itertools
import random
import signal
from collections.abc import Sequence
from dataclasses import dataclass, field

import httpx

from tests.chaos.answers import Said, read_events
from tests.chaos.http_client import HttpClient
from tests.chaos.seen import Seen
from tests.chaos.workload import CHAT, Ask, Via
from tests.support.fleet import Fleet, FleetConfig

TENANT = "storm"
_AT_ONCE = 16
_CUT_S = 2.0
_THINGS = ("harbour", "river", "garden", "mountain", "library", "market", "lighthouse", "bakery", "forest", "railway")
_TASKS = (
    "Tell a short story about a {}.",
    "Describe a {} in the morning.",
    "Describe a {} at night.",
    "Write a letter from a {}.",
    "Explain to a child what a {} is.",
    "Give three facts about a {}.",
    "What do people do at a {}?",
    "Write a poem about an old {}.",
    "Who works at a {}?",
    "What does a {} look like in winter?",
)


@dataclass(slots=True)
class Cuts:
    """`cut`: streams that were interrupted after their first word. Of the texts, `same` are the undisturbed ones;
    `explained` differ, and are what the engine itself writes after what had been shown; `unexplained` are neither."""

    requests: int = 0
    kills: int = 0
    cut: int = 0
    same: int = 0
    explained: list[str] = field(default_factory=list)
    unexplained: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def greedy_asks(count: int, model: str, max_tokens: int) -> list[Ask]:
    """Different prompts, each with one most likely answer."""
    prompts = (f"{task.format(thing)} (No. {n})" for n in itertools.count(1) for task in _TASKS for thing in _THINGS)
    return [
        Ask(number, Via.HTTP, CHAT, _fields(model, prompt, max_tokens), f"cut-{number}")
        for number, prompt in enumerate(itertools.islice(prompts, count))
    ]


def _fields(model: str, prompt: str, max_tokens: int) -> dict[str, object]:
    messages = [{"role": "user", "content": prompt}]
    return {"model": model, "messages": messages, "temperature": 0, "max_tokens": max_tokens, "stream": True}


async def undisturbed_texts(engine_url: str, asks: Sequence[Ask]) -> dict[int, Said]:
    """What the engine answers when it is asked directly, with as many requests at once."""
    answers: dict[int, Said] = {}
    left = iter(asks)
    async with httpx.AsyncClient(timeout=120, trust_env=False) as http, asyncio.TaskGroup() as group:

        async def some() -> None:
            for ask in left:
                answer = await http.post(engine_url + ask.path, content=ask.body, headers={"content-type": _JSON})
                answers[ask.number] = read_events(answer.content)

        for _ in range(_AT_ONCE):
            group.create_task(some())
    return answers


_JSON = "application/json"


async def cut_streams(engine_url: str, asks: Sequence[Ask], kill_every_s: float) -> Cuts:
    """Ask through a fleet of two workers on the one engine, killing a worker every `kill_every_s` seconds on
    average."""
    wanted = await undisturbed_texts(engine_url, asks)
    cuts = Cuts(requests=len(asks))
    config = FleetConfig(lanes=("short",), engine={"ENGINE": "url", "ENGINE_URL": engine_url})
    async with Fleet(config) as fleet:
        killing = asyncio.create_task(_kill(fleet, kill_every_s, cuts))
        client = HttpClient(fleet.urls, TENANT, 1)
        seen: list[Seen] = []
        left = iter(asks)

        async def some() -> None:
            for ask in left:
                seen.append(await client.ask(ask))

        try:
            await asyncio.gather(*(some() for _ in range(_AT_ONCE)))
        finally:
            killing.cancel()
            await client.close()
    by_number = {ask.number: ask for ask in asks}
    async with httpx.AsyncClient(timeout=120, trust_env=False) as http:
        for one in seen:
            await _judge(http, engine_url, by_number[one.number], one, wanted[one.number], cuts)
    return cuts


async def _kill(fleet: Fleet, every_s: float, cuts: Cuts) -> None:
    # Not in step with the broker's patience: what one kill gives back must not always meet the next.
    source = random.Random(1)
    for worker in itertools.cycle(fleet.with_role("worker-short")):
        await asyncio.sleep(every_s * (0.5 + source.random()))
        cuts.kills += worker.send(signal.SIGKILL)


async def _judge(http: httpx.AsyncClient, engine_url: str, ask: Ask, seen: Seen, wanted: Said, cuts: Cuts) -> None:
    was_cut = seen.stall > _CUT_S and bool(seen.stalled_text)
    cuts.cut += was_cut
    cuts.faults += [f"{ask.number}: {fault}" for fault in seen.faults]
    if seen.said is None:
        cuts.unexplained.append(f"{ask.number}: no answer: {seen.error}")
    elif seen.said.texts == wanted.texts:
        cuts.same += 1
    else:
        text = seen.said.texts[0]
        told = (
            f"{ask.number}: shown {seen.stalled_text!r}, then {text[len(seen.stalled_text) :]!r}, undisturbed {wanted}"
        )
        own = await _continued(http, engine_url, ask, seen.stalled_text if was_cut else "")
        explained = text == own and text.startswith(seen.stalled_text)
        (cuts.explained if explained else cuts.unexplained).append(f"{told}, the engine's own {own!r}")


async def _continued(http: httpx.AsyncClient, engine_url: str, ask: Ask, shown: str) -> str:
    """`shown` and what the engine writes after it, asked alone."""
    fields = {**ask.fields, "stream": False}
    if shown:
        begun = {"role": "assistant", "content": shown}
        fields |= {"messages": [*ask.fields["messages"], begun], "add_generation_prompt": False}
        fields |= {"continue_final_message": True, "max_tokens": await _tokens_left(http, engine_url, ask, shown)}
    answer = await http.post(engine_url + ask.path, json=fields)
    return shown + str(answer.json()["choices"][0]["message"]["content"])


async def _tokens_left(http: httpx.AsyncClient, engine_url: str, ask: Ask, shown: str) -> int:
    question = {"model": ask.fields["model"], "prompt": shown, "add_special_tokens": False}
    counted = (await http.post(f"{engine_url}/tokenize", json=question)).json()["count"]
    return int(ask.fields["max_tokens"]) - int(counted)
