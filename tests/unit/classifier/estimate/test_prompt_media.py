"""The data of images, audio and files is no text."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenlane_classifier.estimate import media
from tokenlane_classifier.estimate.prompt import PromptEstimates, PromptSettings
from tokenlane_proto.openai_body import read_facts

_DATA = base64.b64encode(bytes(range(256)) * 40).decode()
_IMAGE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{_DATA}", "detail": "high"}}
_AUDIO = {"type": "input_audio", "input_audio": {"data": _DATA, "format": "wav"}}
_FILE = {"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{_DATA}"}}
_TEXT = {"type": "text", "text": "What do you see and hear? " * 40}


def chat(*parts: Any) -> bytes:
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": list(parts)}]}).encode()


@pytest.mark.parametrize("part", [_IMAGE, _AUDIO, _FILE])
def test_the_data_are_cut_out_and_nothing_else(part: Any) -> None:
    body = chat(part, _TEXT, part)
    left = media.without(body)
    assert len(left) == len(body) - 2 * len(_DATA)
    assert json.loads(left)["messages"][0]["content"][1] == _TEXT


def test_data_that_the_end_of_a_sample_cuts_off_go_too() -> None:
    body = chat(_TEXT, _IMAGE)
    assert b";base64," in media.without(body[:4_096])
    assert len(media.without(body[:4_096])) < 1_500


def test_words_that_look_like_a_mark_stay() -> None:
    body = chat({"type": "text", "text": '";base64," and "data" and "data":1 are marks'})
    assert media.without(body) == body


@settings(deadline=None, max_examples=60)
@given(st.lists(st.sampled_from([b";base64,", b'"data"', b'"', b":", b" ", b"x" * 70]), max_size=12).map(b"".join))
def test_no_bytes_come_from_nowhere(body: bytes) -> None:
    left = iter(media.without(body))
    assert all(byte in left for byte in media.without(body))
    assert len(media.without(body)) <= len(body)


def test_parts_count_by_their_number_not_by_their_bytes() -> None:
    estimates = PromptEstimates(PromptSettings())
    plain, one, two = (chat(*parts) for parts in ((_TEXT,), (_TEXT, _IMAGE), (_TEXT, _IMAGE, _IMAGE)))
    tokens = [estimates.estimate(read_facts(body)[1], body, len(body)).expected for body in (plain, one, two)]
    assert tokens[1] - tokens[0] == pytest.approx(600, abs=60)
    assert tokens[2] - tokens[1] == pytest.approx(600, abs=60)


def test_what_a_part_takes_is_learned() -> None:
    estimates = PromptEstimates(PromptSettings())
    for parts in (1, 2, 3) * 20:
        body = chat(_TEXT, *([_IMAGE] * parts))
        facts = read_facts(body)[1]
        made = estimates.estimate(facts, body, len(body))
        estimates.observe(facts, made.category, made.classes, len(body), 250 + 1_500 * parts)
    body = chat(_TEXT, _IMAGE, _IMAGE)
    assert estimates.estimate(read_facts(body)[1], body, len(body)).expected == pytest.approx(3_250, rel=0.05)


def test_a_body_elsewhere_counts_without_its_media() -> None:
    estimates = PromptEstimates(PromptSettings())
    body = chat(_TEXT, _IMAGE)
    facts = read_facts(body)[1]
    whole = estimates.estimate(facts, body, len(body))
    sampled = estimates.estimate(facts, body[:4_096], len(body))
    assert sampled.expected == pytest.approx(whole.expected, rel=0.1)
