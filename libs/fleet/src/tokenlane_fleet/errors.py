"""What this room refuses.

FleetError
├── LimitsError          an engine with these limits could not start
├── RequestError         the scheduler cannot take this request
├── TraceError           these arrays are no trace
├── CalibrationError     these samples measure nothing
├── FleetSettingError    pools, classes or rules contradict each other
└── UnknownProfileError  no profile of that name
"""


class FleetError(Exception):
    """Root of this room's errors; the message is one line."""


class LimitsError(FleetError):
    """The limits contradict each other; the message names the one at fault."""


class RequestError(FleetError):
    """The request is malformed, too long for the model, or its id is taken."""


class TraceError(FleetError):
    """The arrays are no trace; the message names it."""


class CalibrationError(FleetError):
    """These samples are too few, or no measurements at all; the message names what is wrong."""


class FleetSettingError(FleetError):
    """Pools, classes or rules contradict each other; the message names the one at fault."""


class UnknownProfileError(FleetError):
    """No profile has that name; the message lists those there are."""
