"""Two hundred streams of real vLLM, whose workers are killed in mid-stream."""

from pathlib import Path

import pytest

from tests.chaos.engine_cuts import cut_streams, greedy_asks
from tests.support.vllm import VllmServer

pytestmark = pytest.mark.engine


async def test_a_stream_goes_on_as_the_engine_would(tmp_path: Path) -> None:
    with VllmServer(tmp_path / "vllm.log") as engine:
        cuts = await cut_streams(engine.url, greedy_asks(200, "smollm2", 48), kill_every_s=12)
    print(f"{cuts.requests} requests, {cuts.kills} kills, {cuts.cut} cut, {cuts.same} same as undisturbed")
    print("\n".join(cuts.explained))
    assert cuts.cut >= 20
    assert cuts.faults == []
    assert cuts.unexplained == []
