"""The one error that decoding raises."""


class MalformedMessageError(ValueError):
    """A message that breaks the contract. `param` names the offending field of the OpenAI body, if it is one."""

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param
