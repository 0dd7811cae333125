"""What an undisturbed engine answers: the simulation itself, alone, in no time."""

import asyncio
from collections.abc import Sequence

from tests.chaos.answers import Said, read_events, read_whole
from tests.chaos.workload import Ask
from tests.support.fleet import MODEL
from tokenlane_worker.engine.simulated import SimulatedEngine, SimulatedEngineConfig

_AT_ONCE = 200


class _Kept:
    def __init__(self) -> None:
        self.status = 0
        self.chunks: list[bytes] = []

    def head(self, status: int, content_type: str) -> None:
        self.status = status

    def data(self, chunk: bytes) -> None:
        self.chunks.append(chunk)


async def undisturbed(asks: Sequence[Ask]) -> dict[int, Said]:
    """The answers by request number."""
    # Only lengths depend on the profile's context, and every request sets its own.
    engine = SimulatedEngine(SimulatedEngineConfig(MODEL, "laptop-instant", max_num_seqs=_AT_ONCE))
    await engine.start()
    answers: dict[int, Said] = {}

    async def one(ask: Ask) -> None:
        kept = _Kept()
        await engine.generate(ask.path, ask.body, kept)
        body = b"".join(kept.chunks)
        if kept.status != 200:
            raise ValueError(f"request {ask.number} is refused: {body!r}")
        answers[ask.number] = read_events(body) if ask.streamed else read_whole(body)

    try:
        for start in range(0, len(asks), _AT_ONCE):
            await asyncio.gather(*(one(ask) for ask in asks[start : start + _AT_ONCE]))
    finally:
        await engine.stop()
    return answers
