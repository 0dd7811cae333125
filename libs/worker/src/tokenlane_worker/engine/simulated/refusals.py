"""Answers that are errors, in the shape of vLLM's OpenAI server."""

import msgspec


class RefusedError(Exception):
    """The request is answered with an error; `status` is the HTTP status, `body` the JSON."""

    def __init__(self, status: int, kind: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body = msgspec.json.encode({"error": {"message": message, "type": kind, "param": param, "code": status}})


def bad_value(message: str, param: str | None = None) -> RefusedError:
    """A well-formed body that asks for something that cannot be."""
    return RefusedError(400, "BadRequestError", message, param)


def bad_body(message: str, param: str | None = None) -> RefusedError:
    """A body of the wrong shape or types."""
    return RefusedError(400, "Bad Request", message, param)


def unknown_model(model: str, served: str) -> RefusedError:
    message = f"The model `{model}` does not exist. Valid aliases: {served}."
    return RefusedError(404, "NotFoundError", message, "model")


def unknown_path() -> RefusedError:
    return RefusedError(404, "Not Found", "Not Found")


def prompt_too_long(prompt_tokens: int, max_model_len: int) -> RefusedError:
    return bad_value(
        f"This model's maximum context length is {max_model_len} tokens. However, your prompt contains "
        f"{prompt_tokens} input tokens, which exceeds this limit even without any output tokens. "
        "Please reduce the length of the input prompt.",
        "input_tokens",
    )


def context_overflow(prompt_tokens: int, max_tokens: int, max_model_len: int) -> RefusedError:
    return bad_value(
        f"This model's maximum context length is {max_model_len} tokens. However, you requested {max_tokens} output "
        f"tokens and your prompt contains {prompt_tokens} input tokens, for a total of {prompt_tokens + max_tokens} "
        "tokens. Please reduce the length of the input prompt or the number of requested output tokens.",
        "max_tokens",
    )
