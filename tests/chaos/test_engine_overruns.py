"""Answers of real vLLM that outgrow one engine's context and go on in another's."""

from pathlib import Path

import pytest

from tests.chaos.engine_overruns import CONTEXT, long_asks, outgrow
from tests.support.vllm import VllmServer

pytestmark = pytest.mark.engine


async def test_an_answer_goes_on_where_the_context_is_longer(tmp_path: Path) -> None:
    with (
        VllmServer(tmp_path / "short.log", "--max-model-len", str(CONTEXT)) as short,
        VllmServer(tmp_path / "long.log", "--max-model-len", "1024") as long,
    ):
        found = await outgrow(short.url, long.url, long_asks(8, "smollm2"))
    print(f"{found.requests} requests, {found.moved} moved, {found.same} same as undisturbed")
    print("\n".join(found.explained))
    assert found.moved == found.requests
    assert found.unexplained == []
    assert found.same >= found.requests // 2
