"""What can go wrong with an engine.

EngineError
├── EngineStartError        it did not become healthy; nothing was served
├── EngineUnavailableError  the request was not sent; another engine may take it
└── EngineLostError         the engine broke after the request was sent
"""


class EngineError(Exception):
    """Root of this folder's errors; the message is one line."""


class EngineStartError(EngineError):
    """The engine did not become healthy."""


class EngineUnavailableError(EngineError):
    """Nothing was sent: the request can be given to another engine as it is."""


class EngineLostError(EngineError):
    """The connection broke after the request was sent: the answer is incomplete or missing."""
