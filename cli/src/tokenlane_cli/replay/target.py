"""Where a replay goes: flags first, then the stack that runs here. Raises UsageError."""

from dataclasses import dataclass
from pathlib import Path

from tokenlane_cli.errors import UsageError
from tokenlane_cli.stack.files import StackInfo, read_stack
from tokenlane_cli.stack.resolve import first_model


@dataclass(frozen=True, slots=True)
class Target:
    """An ingress and the model to ask for. `context`: longest prompt and output in tokens, 0 if not known."""

    url: str
    api_key: str
    model: str
    context: int
    engine: str


async def choose(url: str, api_key: str, model: str, data_dir: Path) -> Target:
    """The target by the flags, completed from the running stack."""
    stack = read_stack(data_dir)
    if stack is not None and url in ("", stack.url):
        return from_stack(stack, api_key, model)
    if not url:
        raise UsageError(
            f"no stack runs in {data_dir}: start one with `tokenlane up`, replay on a simulated one with --start, "
            "or name an ingress with --url"
        )
    return Target(url.rstrip("/"), api_key, model or await first_model(url, api_key), 0, "")


def from_stack(stack: StackInfo, api_key: str = "", model: str = "") -> Target:
    """The running stack."""
    context = max((lane.max_model_len for lane in stack.lanes), default=0)
    return Target(stack.url, api_key or stack.api_key, model or stack.model, context, stack.engine)
