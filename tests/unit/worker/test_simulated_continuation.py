"""What an answer follows from, and what becomes of a message that is to be continued."""

import pytest

from tests.unit.worker.simulated import chat
from tests.unit.worker.test_simulated_answers import text_and_tokens


def test_an_answer_follows_from_what_is_asked_and_not_from_how() -> None:
    first = text_and_tokens(chat(max_tokens=9, ignore_eos=True))[0]
    assert text_and_tokens(chat(max_tokens=9, min_tokens=9, temperature=0.5, user="x", logprobs=True))[0] == first
    assert text_and_tokens(chat("another", max_tokens=9, ignore_eos=True))[0] != first


BEGUN = {"continue_final_message": True, "add_generation_prompt": False, "max_tokens": 4, "ignore_eos": True}


@pytest.mark.parametrize("begun", ["The sea", "[simulated] not its words", "[sea", ""])
def test_a_message_that_is_no_beginning_of_its_answer_just_goes_on(begun: str) -> None:
    messages = [{"role": "user", "content": "tell me"}, {"role": "assistant", "content": begun}]
    assert text_and_tokens(chat(messages=messages, **BEGUN)) == text_and_tokens(chat(max_tokens=4, ignore_eos=True))


def test_a_beginning_of_its_answer_is_gone_on_with_even_within_a_word() -> None:
    whole = text_and_tokens(chat(max_tokens=9, ignore_eos=True))[0]
    for end in range(1, len(whole)):
        messages = [{"role": "user", "content": "tell me"}, {"role": "assistant", "content": whole[:end]}]
        assert whole.startswith(whole[:end] + text_and_tokens(chat(messages=messages, **BEGUN))[0][: len(whole) - end])
