"""Whether an answer may be continued from its text: what the request asked for beyond plain text.

Going on from text moves it from the answer to the prompt. That is the same to a model, and not the same to whatever
counts, constrains or reports the tokens of the answer alone. What is not known here is not continued.
"""

from collections.abc import Callable, Mapping

_HARMLESS_NAMES = """
    model messages prompt stream max_tokens max_completion_tokens min_tokens temperature top_p top_k min_p seed stop
    stop_token_ids include_stop_str_in_output ignore_eos skip_special_tokens spaces_between_special_tokens
    repetition_penalty length_penalty logit_bias allowed_token_ids user metadata store service_tier priority request_id
    cache_salt add_special_tokens continue_final_message chat_template chat_template_kwargs documents
    chat_template_content_format mm_processor_kwargs media_io_kwargs include_reasoning reasoning_effort
    parallel_tool_calls safety_identifier prompt_cache_key prompt_cache_retention verbosity
"""
_HARMLESS = frozenset(_HARMLESS_NAMES.split())


def _no(value: object) -> bool:
    return value is False


def _yes(value: object) -> bool:
    return value is True


def _zero(value: object) -> bool:
    return value == 0 and not isinstance(value, bool)


def _one(value: object) -> bool:
    return value == 1 and not isinstance(value, bool)


def _empty(value: object) -> bool:
    return value in ([], {}, "")


def _plain_text(value: object) -> bool:
    return isinstance(value, dict) and value.get("type") == "text"


def _no_running_usage(value: object) -> bool:
    return isinstance(value, dict) and not value.get("continuous_usage_stats")


# Values with which a field asks for nothing; null is one for every field.
_NOTHING: Mapping[str, Callable[[object], bool]] = {
    "n": _one,
    "best_of": _one,
    "logprobs": _no,
    "top_logprobs": _zero,
    "presence_penalty": _zero,
    "frequency_penalty": _zero,
    "use_beam_search": _no,
    "echo": _no,
    "suffix": _empty,
    "bad_words": _empty,
    "logits_processors": _empty,
    "response_format": _plain_text,
    "stream_options": _no_running_usage,
    "return_token_ids": _no,
    "return_tokens_as_token_ids": _no,
    "add_generation_prompt": _yes,
}


def why_not(body: Mapping[str, object]) -> str | None:
    """Why the answer to a decoded OpenAI `body` cannot be continued from its text; None where it can."""
    for name, value in body.items():
        if value is None or name in _HARMLESS:
            continue
        if name in ("tools", "tool_choice", "functions", "function_call"):
            if _calls_tools(body):
                return "it may call tools"
        elif name == "add_generation_prompt" and body.get("continue_final_message"):
            continue
        elif name not in _NOTHING or not _NOTHING[name](value):
            return f"it asks for {name}"
    if not isinstance(body.get("prompt", ""), str):
        return "its prompt is not one text"
    return None if _extensible(body) else "its last message is not one text"


def repeatable(body: Mapping[str, object]) -> bool:
    """Whether the same body is meant to get the same answer."""
    return body.get("seed") is not None or body.get("temperature") == 0


def choices(body: Mapping[str, object]) -> int:
    """Choices that the answer to a decoded OpenAI `body` has."""
    prompt, count = body.get("prompt"), body.get("n")
    several = isinstance(prompt, list) and not all(isinstance(part, int) for part in prompt)
    return (len(prompt) if several and isinstance(prompt, list) else 1) * (count if isinstance(count, int) else 1)


def _extensible(body: Mapping[str, object]) -> bool:
    """Whether text can be added to the message that the request itself wants continued, if it does."""
    messages = body.get("messages")
    if not body.get("continue_final_message") or not isinstance(messages, list) or not messages:
        return True
    return isinstance(messages[-1], dict) and isinstance(messages[-1].get("content"), str)


def _calls_tools(body: Mapping[str, object]) -> bool:
    if body.get("functions"):
        return body.get("function_call") != "none"
    return bool(body.get("tools")) and body.get("tool_choice") != "none"
