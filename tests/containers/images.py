"""The two images that the stack is built from, made here where no registry can be asked for them.

The stand-in for `python:3.11-slim` is a small Debian with the wheels of every dependency and a pip that looks nowhere
else; the one for `nats` is the server's own binary on top of it.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
from pathlib import Path

from tests.containers.engine import Engine

_PACKAGES = "python3,python3-venv,ca-certificates,busybox"
_DEBIAN = "tokenlane-test/debian:bookworm"
_NATS = "tokenlane-test/nats:stand-in"
# As Debian's python3, not as the interpreter that runs the tests.
_PYTHON_VERSION = (3, 11)

_PYTHON_DOCKERFILE = f"""\
FROM {_DEBIAN}
COPY wheels /wheels
RUN printf '[global]\\nno-index = true\\nfind-links = /wheels\\ndisable-pip-version-check = true\\n' > /etc/pip.conf
"""
_NATS_DOCKERFILE = f"""\
FROM {_DEBIAN}
RUN ln -s /bin/busybox /usr/bin/wget
COPY nats-server /usr/bin/nats-server
EXPOSE 4222 8222
ENTRYPOINT ["nats-server"]
"""


def build_arguments(engine: Engine, root: Path, cache: Path) -> dict[str, str]:
    """Variables for compose.yaml: none where the published images are stored or only a registry can give them."""
    if engine.has_image("python:3.11-slim") or os.geteuid() != 0 or not shutil.which("debootstrap"):
        return {}
    _debian(engine)
    python = _python(engine, root, cache)
    return {"BASE_IMAGE": python, "ENGINE_BASE_IMAGE": python, "NATS_IMAGE": nats_image(engine)}


def nats_image(engine: Engine) -> str:
    """Tag of the stand-in for the `nats` image."""
    _debian(engine)
    if not engine.has_image(_NATS):
        with tempfile.TemporaryDirectory(prefix="tokenlane-") as context:
            shutil.copy(Path(sysconfig.get_path("scripts"), "nats-server"), context)
            _build(engine, _NATS, Path(context), _NATS_DOCKERFILE)
    return _NATS


def requirements(root: Path) -> list[str]:
    """What the project's distributions need from the package index, to be built and to run."""
    found: set[str] = set()
    for file in (root / "proto/pyproject.toml", *root.glob("*s/*/pyproject.toml")):
        text = tomllib.loads(file.read_text())
        project = text["project"]
        # The extra that the services ask for.
        extra = project.get("optional-dependencies", {}).get("service", ())
        found.update(text["build-system"]["requires"], project.get("dependencies", ()), extra)
    return sorted(each for each in found if not each.startswith("tokenlane-"))


def _debian(engine: Engine) -> None:
    if engine.has_image(_DEBIAN):
        return
    with tempfile.TemporaryDirectory(prefix="tokenlane-", ignore_cleanup_errors=True) as folder:
        tree = Path(folder, "tree")
        _quiet("debootstrap", "--variant=minbase", f"--include={_PACKAGES}", "bookworm", str(tree))
        for leftover in ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/locale", "usr/share/man"):
            shutil.rmtree(tree / leftover, ignore_errors=True)
        archive = Path(folder, "tree.tar")
        _quiet("tar", "-C", str(tree), "-cf", str(archive), ".")
        engine.docker("import", str(archive), _DEBIAN)


def _python(engine: Engine, root: Path, cache: Path) -> str:
    wanted = requirements(root)
    digest = hashlib.sha256("\n".join(wanted).encode()).hexdigest()[:12]
    tag = f"tokenlane-test/python:{digest}"
    if not engine.has_image(tag):
        context = cache / f"python-{digest}"
        _fetch_wheels(context / "wheels", wanted)
        _build(engine, tag, context, _PYTHON_DOCKERFILE)
    return tag


def _fetch_wheels(folder: Path, wanted: list[str]) -> None:
    pip = [sys.executable, "-m", "pip"]
    _quiet(*pip, "wheel", "--quiet", "--wheel-dir", str(folder), *wanted)
    if sys.version_info[:2] != _PYTHON_VERSION:
        # What had to be built just now is pure Python and serves both versions.
        other = ["--only-binary=:all:", f"--python-version={_PYTHON_VERSION[0]}.{_PYTHON_VERSION[1]}"]
        _quiet(*pip, "download", "--quiet", *other, "--find-links", str(folder), "--dest", str(folder), *wanted)


def _build(engine: Engine, tag: str, context: Path, dockerfile: str) -> None:
    (context / "Dockerfile").write_text(dockerfile)
    engine.docker("build", "--quiet", "--tag", tag, str(context))


def _quiet(*command: str) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stdout[-2000:]}")
