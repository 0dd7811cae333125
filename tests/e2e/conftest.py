"""A whole stack of real processes with the simulated engine, shared by the tests that do not break it."""

from collections.abc import Iterator

import openai
import pytest

from tests.support.local_stack import LocalStack


@pytest.fixture(scope="session")
def stack() -> Iterator[LocalStack]:
    with LocalStack("--engine", "sim", "--sim-profile", "laptop-instant", "--no-autoscaler") as running:
        yield running
    assert running.left_behind == []


@pytest.fixture
def client(stack: LocalStack) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{stack.url}/v1", api_key=stack.key, max_retries=0) as client:
        yield client
