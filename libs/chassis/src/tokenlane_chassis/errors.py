"""The error tree of the chassis."""


class ChassisError(Exception):
    """Base of what this room raises."""


class StartError(ChassisError):
    """The process cannot start. The message is one line for the operator."""


class BusError(ChassisError):
    """Base of what the bus raises."""


class BusUnavailableError(BusError):
    """The broker did not acknowledge in time; whether it has the message is unknown. Retry with the same message id."""


class MessageTooLargeError(BusError):
    """Payload and headers together exceed the broker's `max_payload`."""


class StreamFullError(BusError):
    """The stream's limits refuse another message."""
