"""compose.yaml, brought up and taken down."""

import json
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.containers.engine import Engine

_UP_TIMEOUT_S = 120
_BUILD_TIMEOUT_S = 600


class ComposeError(Exception):
    """Compose failed, or a service did not become healthy; the text shows what it said."""


def installed_compose() -> tuple[str, ...] | None:
    """Compose v2 as the client's plugin, else the program of its own name; None where neither is installed."""
    if not shutil.which("docker"):
        return None
    if subprocess.run(["docker", "compose", "version"], capture_output=True).returncode == 0:
        return ("docker", "compose")
    return ("docker-compose",) if shutil.which("docker-compose") else None


@dataclass(frozen=True)
class Stack:
    """The services of compose.yaml, under a project name of their own."""

    engine: Engine
    root: Path
    command: tuple[str, ...]
    project: str
    variables: dict[str, str]

    def compose(self, *arguments: str, timeout_s: float = _UP_TIMEOUT_S) -> str:
        """Output of a compose command. Raises ComposeError."""
        whole = [*self.command, "--project-name", self.project, *arguments]
        environment = self.engine.environment() | self.variables
        done = subprocess.run(whole, cwd=self.root, env=environment, capture_output=True, text=True, timeout=timeout_s)
        if done.returncode:
            raise ComposeError(f"{' '.join(whole)}: {(done.stdout + done.stderr)[-4000:]}")
        return done.stdout

    def build(self) -> None:
        """Make the images."""
        self.compose("build", timeout_s=_BUILD_TIMEOUT_S)

    def up(self) -> None:
        """Start what does not run, and wait until every service is healthy."""
        self.compose("up", "--detach", "--no-build")
        deadline = time.monotonic() + _UP_TIMEOUT_S
        while late := {name: state for name, state in self.health().items() if state != "healthy"}:
            if time.monotonic() > deadline:
                raise ComposeError(f"not healthy: {late}\n{self.compose('logs', '--no-color', '--tail=30')}")
            time.sleep(0.5)

    def down(self) -> None:
        """Stop and remove everything, volumes too."""
        self.compose("down", "--volumes", "--remove-orphans")

    def health(self) -> dict[str, str]:
        """Health by service."""
        return {name: each["State"].get("Health", {}).get("Status", "none") for name, each in self.inspect().items()}

    def inspect(self) -> dict[str, dict[str, Any]]:
        """What the engine knows of each container, by service."""
        of_project = f"label=com.docker.compose.project={self.project}"
        ids = self.engine.docker("ps", "--all", "--quiet", "--filter", of_project).split()
        containers = json.loads(self.engine.docker("inspect", *ids)) if ids else []
        return {each["Config"]["Labels"]["com.docker.compose.service"]: each for each in containers}

    def address(self, service: str, port: int) -> str:
        """host:port on this machine of a published port."""
        return self.compose("port", service, str(port)).strip()

    def execute(self, service: str, *command: str, **environment: str) -> str:
        """Output of a command inside a running container."""
        given = [f"--env={name}={value}" for name, value in environment.items()]
        return self.engine.docker("exec", *given, self.inspect()[service]["Id"], *command)
