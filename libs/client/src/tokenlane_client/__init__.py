"""The Python client of tokenlane, and the reading of answers that the door shares with it.

`answer` decides what each frame means, `exchange` holds one answer for its reader, `exchanges` all of a process; what
was missed is fetched by `healing` and `following`. On these stands `client`. What needs the openai package, the extra
`tokenlane-client[openai]`, is loaded when it is asked for.
"""

import importlib
from typing import TYPE_CHECKING, Any

from tokenlane_client.errors import (
    BusUnavailable,
    Cancelled,
    Conflict,
    DeadlineExceeded,
    RequestFailed,
    TokenlaneError,
)

if TYPE_CHECKING:
    from tokenlane_client.client import Client
    from tokenlane_client.handle import Handle
    from tokenlane_client.streaming import Stream
    from tokenlane_client.waiting import Waiting

__all__ = [
    "BusUnavailable",
    "Cancelled",
    "Client",
    "Conflict",
    "DeadlineExceeded",
    "Handle",
    "RequestFailed",
    "Stream",
    "TokenlaneError",
    "Waiting",
]

_LAZY = {"Client": "client", "Handle": "handle", "Stream": "streaming", "Waiting": "waiting"}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)
    except ModuleNotFoundError as error:
        if error.name == "openai":
            raise ImportError("tokenlane_client.Client needs the openai package: tokenlane-client[openai]") from None
        raise
