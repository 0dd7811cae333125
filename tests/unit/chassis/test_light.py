"""A client program needs the bus, and not what services are made of."""

import subprocess
import sys

LIGHT = ("bus", "nats_bus", "connection", "results", "tasks", "clock", "errors", "fake_bus")
HEAVY = ("prometheus_client", "opentelemetry", "pydantic", "pydantic_settings", "uvloop")


def test_the_bus_is_imported_without_what_only_services_need() -> None:
    blocked = "; ".join(f"sys.modules[{name!r}] = None" for name in HEAVY)
    imports = ", ".join(f"tokenlane_chassis.{name}" for name in LIGHT)
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; {blocked}; import {imports}"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
