"""What a request may be made of: OpenAI's parameters, and what the client itself takes beside them."""

from collections.abc import Mapping
from typing import Literal

from openai.types.chat.completion_create_params import CompletionCreateParamsBase as ChatParams
from openai.types.completion_create_params import CompletionCreateParamsBase as CompletionParams
from typing_extensions import TypedDict

from tokenlane_client.waiting import OnWaiting


class Options(TypedDict, total=False):
    """What every request takes."""

    # 1 to 255 printable characters; the same key with the same body is the same request. Default: a random one.
    idempotency_key: str | None
    # The request's deadline from now. Unit: seconds. Default: the client's, else the tenant's.
    timeout_s: float | None
    # Which requests go first. Default: the tenant's, else "standard".
    priority: Literal["interactive", "standard", "batch"] | None
    # Time to first token that is wanted. Unit: seconds. Default: the tenant's, else what such requests get.
    ttft_s: float | None
    # Called, for `create` and `stream`, whenever the place of the request in the queue is told.
    on_waiting: OnWaiting | None
    # Fields of the body that OpenAI does not know.
    extra_body: Mapping[str, object] | None


class ChatRequest(ChatParams, Options, total=False):
    """A chat completion."""


class CompletionRequest(CompletionParams, Options, total=False):
    """A completion of a prompt."""
