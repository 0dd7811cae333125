"""What reading and estimating a prompt takes: `python -m bench.estimators.prompt_cost`. The least of many runs."""

import argparse
import json
import timeit
from collections.abc import Callable

from tests.support.documents import documents
from tokenlane_classifier.estimate.prompt import PromptEstimates, PromptSettings
from tokenlane_proto.openai_body import read_facts

_SIZES = (4_096, 262_144)
_KINDS = ("english", "code", "chinese")
_LEARNED = 60


def body_of(kind: str, size: int, escaped: bool) -> bytes:
    """A chat of `size` bytes, a quarter of it the system prompt."""
    text = "\n".join(text for one in documents(kind, 0, 20, 1, lengths=(20_000, 40_000)) for text in one.messages)
    width = len(json.dumps(text, ensure_ascii=escaped).encode()) / len(text)
    length = int(size / width) - 40
    turns = [
        {"role": "system", "content": text[: length // 4]},
        {"role": "user", "content": text[length // 4 : length]},
    ]
    return json.dumps({"model": "m", "messages": turns, "stream": True}, ensure_ascii=escaped).encode()


def least_us(call: Callable[[], object], number: int = 10, repeats: int = 400) -> float:
    """Unit: microseconds a call."""
    return min(timeit.repeat(call, number=number, repeat=repeats)) / number * 1e6


def main() -> None:
    """Print a table."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    estimates = PromptEstimates(PromptSettings())
    for kind in _KINDS:
        for one in documents(kind, 1, _LEARNED, 1):
            facts = read_facts(one.body)[1]
            made = estimates.estimate(facts, one.body, len(one.body))
            estimates.observe(facts, made.category, made.classes, len(one.body), made.expected)
    print("| body | bytes | parse at the door | estimate | observe |\n| --- | ---: | ---: | ---: | ---: |")
    for kind, size, escaped in [(kind, size, False) for size in _SIZES for kind in _KINDS] + [
        ("chinese", size, True) for size in _SIZES
    ]:
        _row(estimates, kind + (", escaped" if escaped else ""), body_of(kind, size, escaped))


def _row(estimates: PromptEstimates, name: str, body: bytes) -> None:
    facts = read_facts(body)[1]
    made = estimates.estimate(facts, body, len(body))
    parse = least_us(lambda: read_facts(body))
    estimate = least_us(lambda: estimates.estimate(facts, body, len(body)))
    observe = least_us(
        lambda: estimates.observe(facts, made.category, made.classes, len(body), made.expected), repeats=60
    )
    print(f"| {name} | {len(body)} | {parse:.1f} µs | {estimate:.1f} µs | {observe:.1f} µs |")


if __name__ == "__main__":
    main()
