"""What this room refuses.

FleetError
├── LimitsError          an engine with these limits could not start
├── RequestError         the scheduler cannot take this request
└── UnknownProfileError  no profile of that name
"""


class FleetError(Exception):
    """Root of this room's errors; the message is one line."""


class LimitsError(FleetError):
    """The limits contradict each other; the message names the one at fault."""


class RequestError(FleetError):
    """The request is malformed, too long for the model, or its id is taken."""


class UnknownProfileError(FleetError):
    """No profile has that name; the message lists those there are."""
