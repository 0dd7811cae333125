"""From a body to what is asked of the engine: one frozen value, every default settled, every refusal made."""

from dataclasses import dataclass

from tokenlane_worker.engine.simulated.body import (
    ChatBody,
    CommonBody,
    Tool,
    read_chat,
    read_completion,
    read_tools,
)
from tokenlane_worker.engine.simulated.content import Content, chat_content, completion_content
from tokenlane_worker.engine.simulated.json_answer import json_answer
from tokenlane_worker.engine.simulated.refusals import bad_value, unknown_model, unknown_path

MAX_CHOICES = 128
MAX_LOGPROBS = 20
DEFAULT_COMPLETION_TOKENS = 16


@dataclass(frozen=True, slots=True)
class Ask:
    """What to answer. `prompt_tokens` has one count a prompt, each answered `n` times; of each, the last `begun_tokens`
    are `begun`, a beginning of the answer, after which it goes on. `digest` is of what is asked, without that.

    `max_tokens` None means up to the end of the context. `logprobs` None means none, else how many alternatives a
    token. `fixed` is the text to give instead of words; with `tool` it is that function's arguments, and `named_tool`
    says the request named it.
    """

    chat: bool
    digest: bytes
    prompt_tokens: tuple[int, ...]
    begun: str
    begun_tokens: int
    n: int
    max_tokens: int | None
    min_tokens: int
    ignore_eos: bool
    stop: tuple[str, ...]
    include_stop: bool
    stream: bool
    include_usage: bool
    continuous_usage: bool
    logprobs: int | None
    fixed: str | None
    tool: str | None
    named_tool: bool


def read_ask(path: str, body: bytes, served_model_name: str) -> Ask:
    """Raises RefusedError with the status and body vLLM would answer."""
    if path == "/v1/chat/completions":
        chat = read_chat(body)
        tool, named = _tool(chat)
        limit = chat.max_completion_tokens if chat.max_completion_tokens is not None else chat.max_tokens
        content = chat_content(chat, answers_in_words=tool is None and json_answer(chat.response_format) is None)
        return _ask(chat, content, served_model_name, limit, _chat_logprobs(chat), tool, named)
    if path == "/v1/completions":
        completion = read_completion(body)
        limit = DEFAULT_COMPLETION_TOKENS if completion.max_tokens is None else completion.max_tokens
        content = completion_content(completion, answers_in_words=json_answer(completion.response_format) is None)
        return _ask(completion, content, served_model_name, limit, _capped(completion.logprobs), None, False)
    raise unknown_path()


def _ask(
    body: CommonBody,
    content: Content,
    served: str,
    max_tokens: int | None,
    logprobs: int | None,
    tool: str | None,
    named: bool,
) -> Ask:
    if body.model and body.model != served:
        raise unknown_model(body.model, served)
    _check_ranges(body, max_tokens)
    options = body.stream_options
    include_usage = bool(options and options.include_usage)
    fixed = "{}" if tool else json_answer(body.response_format)
    return Ask(
        chat=isinstance(body, ChatBody),
        digest=content.digest,
        prompt_tokens=content.prompt_tokens,
        begun=content.begun,
        begun_tokens=content.begun_tokens,
        n=body.n or 1,
        max_tokens=max_tokens,
        min_tokens=body.min_tokens or 0,
        ignore_eos=bool(body.ignore_eos),
        stop=(body.stop,) if isinstance(body.stop, str) else tuple(body.stop or ()),
        include_stop=bool(body.include_stop_str_in_output),
        stream=bool(body.stream),
        include_usage=include_usage,
        continuous_usage=include_usage and bool(options and options.continuous_usage_stats),
        logprobs=logprobs,
        fixed=fixed,
        tool=tool,
        named_tool=named,
    )


def _check_ranges(body: CommonBody, max_tokens: int | None) -> None:
    min_tokens = body.min_tokens or 0
    if body.n is not None and not 1 <= body.n <= MAX_CHOICES:
        raise bad_value(f"n must be between 1 and {MAX_CHOICES}, got {body.n}.", "n")
    if max_tokens is not None and max_tokens < 1:
        raise bad_value(f"max_tokens must be at least 1, got {max_tokens}.", "max_tokens")
    if min_tokens < 0:
        raise bad_value(f"min_tokens must be greater than or equal to 0, got {min_tokens}.")
    if max_tokens is not None and min_tokens > max_tokens:
        raise bad_value(f"min_tokens must be less than or equal to max_tokens={max_tokens}, got {min_tokens}.")
    if body.temperature is not None and not 0 <= body.temperature <= 2:
        raise bad_value(f"temperature must be in [0, 2], got {body.temperature}.", "temperature")
    if body.top_p is not None and not 0 < body.top_p <= 1:
        raise bad_value(f"top_p must be in (0, 1], got {body.top_p}.", "top_p")
    if body.stop is not None and "" in ([body.stop] if isinstance(body.stop, str) else body.stop):
        raise bad_value("stop cannot contain an empty string.")
    if body.stream_options is not None and not body.stream:
        raise bad_value("Stream options can only be defined when `stream=True`.", "stream_options")
    for name in ("use_beam_search", "prompt_logprobs", "echo", "suffix"):
        if getattr(body, name, None):
            raise bad_value(f"`{name}` is not supported by the simulated engine.", name)


def _capped(logprobs: int | None) -> int | None:
    if logprobs is not None and not 0 <= logprobs <= MAX_LOGPROBS:
        raise bad_value(f"Requested sample logprobs of {logprobs}, which is not in 0..{MAX_LOGPROBS}.", "logprobs")
    return logprobs


def _chat_logprobs(body: ChatBody) -> int | None:
    if body.top_logprobs and not body.logprobs:
        raise bad_value("when using `top_logprobs`, `logprobs` must be set to true.", "top_logprobs")
    return _capped(body.top_logprobs or 0) if body.logprobs else None


def _tool(body: ChatBody) -> tuple[str | None, bool]:
    """The function to call, and whether the request named it."""
    choice = body.tool_choice
    if choice is None or choice in ("none", "auto"):
        return None, False
    tools = [tool.function.name for tool in read_tools(body.tools) or ()]
    if not tools:
        raise bad_value("When using `tool_choice`, `tools` must be set.", "tool_choice")
    if isinstance(choice, Tool):
        if choice.function.name not in tools:
            message = "The tool specified in `tool_choice` does not match any of the specified `tools`"
            raise bad_value(message, "tool_choice")
        return choice.function.name, True
    if choice != "required":
        message = (
            f'Invalid value for `tool_choice`: {choice}! Only named tools, "none", "auto" or "required" are supported.'
        )
        raise bad_value(message, "tool_choice")
    return tools[0], False
