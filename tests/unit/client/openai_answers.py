"""Answers in OpenAI's shape, for a scripted worker."""

import json

from openai.types.chat import ChatCompletionMessageParam

from tests.unit.client.frames import event
from tests.unit.client.worker import Job
from tokenlane.v1.request_pb2 import Endpoint
from tokenlane_proto import events

HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Hello"}]
WORDS = ["To ", "be ", "or ", "not"]
TEXT = "".join(WORDS)
BASE = {"id": "a1", "created": 1, "model": "sim"}


def answer(job: Job) -> bytes:
    """A whole answer."""
    if job.request.endpoint == Endpoint.ENDPOINT_COMPLETIONS:
        choice: dict[str, object] = {"index": 0, "text": TEXT, "finish_reason": "stop"}
        return json.dumps({**BASE, "object": "text_completion", "choices": [choice]}).encode()
    message = {"role": "assistant", "content": TEXT, "reasoning": "none"}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return json.dumps({**BASE, "object": "chat.completion", "choices": [choice]}).encode()


def chunks(job: Job) -> list[bytes]:
    """The same, streamed."""
    if job.request.endpoint == Endpoint.ENDPOINT_COMPLETIONS:
        each = [{**BASE, "object": "text_completion", "choices": [{"index": 0, "text": word}]} for word in WORDS]
    else:
        each = [
            {**BASE, "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": word}}]}
            for word in WORDS
        ]
    return [*(event(json.dumps(one)) for one in each), events.DONE]


async def well(job: Job) -> None:
    """The script of a worker that answers."""
    if job.request.facts.stream:
        for chunk in chunks(job):
            job.emit(chunk)
        await job.end()
    else:
        await job.whole(answer(job))


async def never(job: Job) -> None:
    """The script of a worker that holds what it has."""
