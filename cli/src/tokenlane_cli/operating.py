"""The bus as an operator's commands use it: nothing is created on it, and what fails is one line."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import structlog

from tokenlane_chassis.bus import Bus
from tokenlane_chassis.connection import BusOptions, connect
from tokenlane_chassis.errors import BusError, ChassisError
from tokenlane_cli.errors import UsageError
from tokenlane_cli.stack.files import read_stack

_START_TIMEOUT_S = 5.0


def bus_url(given: str, data_dir: Path) -> str:
    """The bus that a flag names, else that of the running stack, else the default. Raises UsageError."""
    if given:
        return given
    stack = read_stack(data_dir)
    return stack.nats_url if stack is not None else BusOptions().nats_url


@asynccontextmanager
async def open_bus(url: str, creds: Path | None) -> AsyncIterator[Bus]:
    """The bus, as long as the context is open. Raises UsageError, also for what the bus refuses meanwhile."""
    options = BusOptions(nats_url=url, nats_creds_file=creds, start_timeout_s=_START_TIMEOUT_S)
    try:
        bus = await connect(options, "cli", _silent(), lambda: None, ensure_topology=False)
    except ChassisError as error:
        raise UsageError(str(error)) from None
    try:
        yield bus
    except BusError as error:
        raise UsageError(_complaint(url, str(error))) from None
    finally:
        await bus.close()


def _complaint(url: str, reason: str) -> str:
    if "not found" in reason.lower():
        return f"no tokenlane has run on the bus at {url} yet: its streams are not there"
    return f"the bus at {url}: {reason}"


def _silent() -> structlog.stdlib.BoundLogger:
    """What goes wrong is told by the error that follows."""
    log: structlog.stdlib.BoundLogger = structlog.wrap_logger(
        structlog.ReturnLogger(),
        processors=[structlog.processors.JSONRenderer()],
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    return log
