"""What answers teach."""

import pytest

from tests.unit.classifier.fixed import Fixed
from tokenlane.v1.reply_pb2 import Usage, UsageEvent
from tokenlane.v1.request_pb2 import Classification, Endpoint, Facts
from tokenlane_classifier.estimate.route import Route

NOW = 1_700_000_000_000
CHAT = Endpoint.ENDPOINT_CHAT_COMPLETIONS


def event(prompt: int = 1_000, completion: int = 80, estimated: bool = False, **facts: int) -> UsageEvent:
    return UsageEvent(
        request_id="r1",
        model="m",
        category="latin",
        body_bytes=4_480,
        usage=Usage(prompt_tokens=prompt, completion_tokens=completion, estimated=estimated),
        endpoint=CHAT,
        facts=Facts(model="m", **facts),  # type: ignore[arg-type]
        classification=Classification(byte_classes=[7, 8]),
    )


def test_a_counted_answer_teaches_both() -> None:
    fixed = Fixed()
    assert fixed.estimates.learn("acme", event(system_hash=5, tools_hash=6, max_output_tokens=90), NOW)
    assert fixed.prompt.taught == [("m", "latin", (7, 8), 4_480, 1_000)]
    assert fixed.output.taught == [(Route("acme", "m", CHAT, 5, 6, 90), 1_000, 80, NOW)]


def test_the_output_of_a_choice_is_learned() -> None:
    fixed = Fixed()
    fixed.estimates.learn("acme", event(completion=81, choices=4), NOW)
    assert [taught[2] for taught in fixed.output.taught] == [21]


def test_a_stream_without_counts_teaches_the_output_by_its_events() -> None:
    fixed = Fixed()
    assert fixed.estimates.learn("acme", event(estimated=True), NOW)
    assert (fixed.prompt.taught, len(fixed.output.taught)) == ([], 1)


@pytest.mark.parametrize(
    "seen",
    [
        UsageEvent(model="m", usage=Usage(prompt_tokens=1_000, completion_tokens=80)),
        event(0, 0),
        event(estimated=True, tools_hash=6),
        event(estimated=True, completion=0),
    ],
)
def test_what_teaches_nothing(seen: UsageEvent) -> None:
    fixed = Fixed()
    assert not fixed.estimates.learn("acme", seen, NOW)
    assert (fixed.prompt.taught, fixed.output.taught) == ([], [])


def test_a_prompt_of_unknown_text_teaches_only_the_output() -> None:
    fixed, old = Fixed(), event()
    del old.classification.byte_classes[:]
    assert fixed.estimates.learn("acme", old, NOW)
    assert (fixed.prompt.taught, len(fixed.output.taught)) == ([], 1)


def test_both_parts_are_shared() -> None:
    keys = [shard.key for shard in Fixed().estimates.shards()]
    assert {key.split(".")[1] for key in keys} == {"prompt", "output"}
    assert len(set(keys)) == len(keys)
