"""Fail when the committed Python of the messages is not what the .proto files generate."""

import filecmp
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> int:
    """Exit code 0 when they agree."""
    sources = sorted(str(path.relative_to(HERE)) for path in (HERE / "tokenlane").rglob("*.proto"))
    with tempfile.TemporaryDirectory() as fresh:
        command = ["grpc_tools.protoc", "-I", ".", f"--python_out={fresh}", f"--pyi_out={fresh}", *sources]
        subprocess.run([sys.executable, "-m", *command], cwd=HERE, check=True)
        stale = [
            path.relative_to(fresh)
            for path in Path(fresh).rglob("*.py*")
            if not filecmp.cmp(path, HERE / "src" / path.relative_to(fresh), shallow=False)
        ]
    for path in stale:
        print(f"{path} is not what its .proto generates: run `make proto`", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
