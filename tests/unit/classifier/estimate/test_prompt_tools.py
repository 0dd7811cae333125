"""Tools are text of the prompt, too: the template writes their schemas, and explains how to call them."""

import json
import random
from collections.abc import Iterator
from statistics import fmean
from typing import Any

import pytest

from tests.support.documents import documents
from tests.support.vocabularies import prompt_tokens, qwen
from tokenlane_classifier.estimate.prompt import PromptEstimates, PromptSettings
from tokenlane_proto.openai_body import read_facts

# As in Qwen's chat template.
_BEFORE = (
    "\n\n# Tools\n\nYou may call one or more functions to assist with the user query.\n\nYou are provided with "
    "function signatures within <tools></tools> XML tags:\n<tools>"
)
_AFTER = (
    "\n</tools>\n\nFor each function call, return a json object with function name and arguments within "
    '<tool_call></tool_call> XML tags:\n<tool_call>\n{"name": <function-name>, "arguments": <args-json-object>}\n'
    "</tool_call><|im_end|>\n"
)


def tools_of(rng: random.Random, words: list[str], number: int) -> list[dict[str, Any]]:
    def schema() -> dict[str, Any]:
        names = rng.sample(words, rng.randint(1, 6))
        kinds = ("string", "integer", "boolean")
        fields = {name: {"type": rng.choice(kinds), "description": " ".join(rng.sample(words, 8))} for name in names}
        return {"type": "object", "properties": fields, "required": names[:2]}

    return [
        {
            "type": "function",
            "function": {
                "name": "_".join(rng.sample(words, 2)),
                "description": " ".join(rng.sample(words, 15)),
                "parameters": schema(),
            },
        }
        for _ in range(number)
    ]


def requests(half: int, number: int) -> Iterator[tuple[bytes, int]]:
    """Bodies and their tokens; every second has tools."""
    count = qwen()
    assert count is not None
    rng = random.Random(half)
    for place, document in enumerate(documents("english", half, number, 5, lengths=(100, 6_000))):
        body, tokens = json.loads(document.body), prompt_tokens(count, document.messages)
        if place % 2:
            words = [word for text in document.messages for word in text.split() if word.isalpha()]
            body["tools"] = tools_of(rng, words * 20, rng.randint(1, 12))
            lines = "".join("\n" + json.dumps(tool) for tool in body["tools"])
            tokens += count(_BEFORE + lines + _AFTER)
        yield json.dumps(body).encode(), tokens


@pytest.mark.parametrize(("learned", "error"), [(0, 0.25), (100, 0.03)])
def test_requests_with_and_without_tools_are_estimated(learned: int, error: float) -> None:
    estimates = PromptEstimates(PromptSettings())
    for body, tokens in requests(0, learned):
        facts = read_facts(body)[1]
        made = estimates.estimate(facts, body, len(body))
        estimates.observe(facts, made.category, made.classes, len(body), tokens)
    ratios: dict[bool, list[float]] = {True: [], False: []}
    for body, tokens in requests(1, 60):
        facts = read_facts(body)[1]
        ratios[facts.tools_bytes > 0].append(estimates.estimate(facts, body, len(body)).expected / tokens)
    assert all(fmean(own) == pytest.approx(1.0, abs=error) for own in ratios.values())
