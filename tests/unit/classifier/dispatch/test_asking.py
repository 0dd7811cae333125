"""Asking the dispatcher: together, and not for long."""

import asyncio

import pytest
import structlog

from tests.unit.classifier.dispatch.given import candidate
from tokenlane.v1.line_pb2 import Verdict, Verdicts
from tokenlane_chassis.bus import Bus, Message
from tokenlane_chassis.fake_bus import FakeBus
from tokenlane_classifier.dispatch import asking
from tokenlane_classifier.dispatch.asking import GO, Asking
from tokenlane_proto import codec, subjects

HOLD = Verdict(kind=Verdict.KIND_HOLD)


async def asked(bus: Bus, count: int) -> list[Verdict]:
    asks = Asking(bus, structlog.get_logger())
    return await asyncio.gather(*(asks.verdict(candidate(f"r{number}")) for number in range(count)))


async def test_where_nobody_dispatches_all_goes_on(bus: Bus) -> None:
    assert await asked(bus, 3) == [GO] * 3


async def test_each_gets_its_own_verdict_and_all_of_a_moment_ask_at_once() -> None:
    bus = FakeBus()

    def answer(message: Message) -> None:
        held = [each.request_id == "r1" for each in codec.decode_ask(message.data).candidates]
        bus.post(message.reply, Verdicts(verdicts=[HOLD if one else GO for one in held]).SerializeToString())

    await bus.subscribe(subjects.LINE_ASK, answer)
    assert await asked(bus, 3) == [GO, HOLD, GO]
    assert len(bus.asked) == 1
    assert len(await asked(bus, 600)) == 600
    assert len(bus.asked) == 4


async def test_who_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "PATIENCE_S", 0.02)
    bus = FakeBus()
    await bus.subscribe(subjects.LINE_ASK, lambda _: None)
    assert await asked(bus, 1) == [GO]


@pytest.mark.parametrize("said", [b"\xff", Verdicts().SerializeToString()])
async def test_who_answers_something_else_is_not_followed(said: bytes) -> None:
    bus = FakeBus()
    await bus.subscribe(subjects.LINE_ASK, lambda message: bus.post(message.reply, said))
    assert await asked(bus, 1) == [GO]
