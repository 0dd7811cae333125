"""The request bodies, as far as the simulated engine heeds them. Other fields are accepted and change nothing."""

from typing import Literal, TypeVar

import msgspec

from tokenlane_worker.engine.simulated.refusals import bad_body

T = TypeVar("T")


class StreamOptions(msgspec.Struct):
    include_usage: bool | None = None
    continuous_usage_stats: bool | None = None


class Part(msgspec.Struct):
    type: str
    text: str | None = None


class Message(msgspec.Struct):
    role: str
    content: str | list[Part] | None = None
    tool_calls: msgspec.Raw = msgspec.Raw(b"")


class Function(msgspec.Struct):
    name: str


class Tool(msgspec.Struct):
    function: Function
    type: Literal["function"] = "function"


class JsonSchema(msgspec.Struct):
    name: str
    schema: object = None


class ResponseFormat(msgspec.Struct):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None


class CommonBody(msgspec.Struct):
    model: str | None = None
    n: int | None = None
    max_tokens: int | None = None
    min_tokens: int | None = None
    ignore_eos: bool | None = None
    stop: str | list[str] | None = None
    include_stop_str_in_output: bool | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    seed: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    response_format: ResponseFormat | None = None
    use_beam_search: bool | None = None
    prompt_logprobs: int | None = None


class ChatBody(CommonBody, kw_only=True):
    messages: list[Message]
    max_completion_tokens: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    tools: msgspec.Raw = msgspec.Raw(b"")
    tool_choice: str | Tool | None = None
    continue_final_message: bool | None = None
    add_generation_prompt: bool | None = None
    echo: bool | None = None


class CompletionBody(CommonBody, kw_only=True):
    prompt: str | list[str | int | list[int]]
    logprobs: int | None = None
    echo: bool | None = None
    suffix: str | None = None


_chat = msgspec.json.Decoder(ChatBody)
_completion = msgspec.json.Decoder(CompletionBody)
_tools = msgspec.json.Decoder(list[Tool] | None)


def read_chat(body: bytes) -> ChatBody:
    """Raises RefusedError (400)."""
    return _decode(_chat, body)


def read_completion(body: bytes) -> CompletionBody:
    """Raises RefusedError (400)."""
    return _decode(_completion, body)


def read_tools(raw: msgspec.Raw) -> list[Tool] | None:
    """Raises RefusedError (400)."""
    return _decode(_tools, raw) if raw else None


def _decode(decoder: "msgspec.json.Decoder[T]", body: bytes | msgspec.Raw) -> T:
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise bad_body(f"1 validation error:\n  {error}", _param_of(str(error))) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise bad_body(f"1 validation error:\n  JSON decode error: {error}", "body") from None


def _param_of(message: str) -> str:
    """From "Expected `str`, got `int` - at `$.messages[0].content`" to "body.messages.0.content"."""
    if "required field" in message:
        return f"body.{message.split('`')[1]}"
    path = message.rsplit("`$", 1)[1].rstrip("`") if "`$" in message else ""
    return "body" + path.replace("[", ".").replace("]", "")
