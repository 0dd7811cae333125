"""The examples of docs/client.md run as they stand, but for the broker's address."""

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest
import structlog

from tests.support.nats_server import NatsServer
from tests.unit.client.openai_answers import TEXT, well
from tests.unit.client.worker import Job, ScriptedWorker
from tokenlane_chassis.connection import BusOptions, connect

PAGE = Path(__file__).parents[2] / "docs" / "client.md"
ADDRESS = "nats://127.0.0.1:4222"
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
PRINTED = [TEXT + "\n", TEXT, TEXT + "\n", TEXT + "\n", "404 model_not_found\n"]


async def knows_one_model(job: Job) -> None:
    """A worker's script."""
    if job.request.facts.model == "sim":
        await well(job)
    else:
        await job.fail(404, "no such model", "model_not_found")


def test_every_example_has_its_expectation() -> None:
    assert len(EXAMPLES) == len(PRINTED)
    assert all(ADDRESS in example for example in EXAMPLES)


@pytest.mark.parametrize(("example", "printed"), list(zip(EXAMPLES, PRINTED, strict=True)))
async def test_an_example_prints_what_it_should(example: str, printed: str) -> None:
    with NatsServer() as server:
        bus = await connect(BusOptions(server.url), "worker", structlog.get_logger(), lambda: None)
        worker = await ScriptedWorker(bus, knows_one_model).start()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-W", "error", "-c", example.replace(ADDRESS, server.url),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=os.environ,
        )  # fmt: skip
        out, err = await asyncio.wait_for(process.communicate(), 60)
        await worker.stop()
        await bus.close()
    assert (out.decode(), err.decode(), process.returncode) == (printed, "", 0)
