"""How `vllm serve` is called."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class VllmChildConfig:
    """`command` is what stands before `serve`; `extra_args` come last and win over what the worker sets itself.

    `env` is laid over the worker's own environment. `socket_path` defaults to a new temporary folder, `log_file`
    (appended to) to none. Durations in seconds.
    """

    model: str
    served_model_name: str = ""
    command: tuple[str, ...] = ("vllm",)
    extra_args: tuple[str, ...] = ()
    max_num_seqs: int = 256
    env: Mapping[str, str] = field(default_factory=dict)
    socket_path: Path | None = None
    log_file: Path | None = None
    start_timeout_s: float = 900.0
    stop_grace_s: float = 10.0
    connect_timeout_s: float = 5.0


def serve_command(config: VllmChildConfig, socket_path: Path) -> list[str]:
    return [
        *config.command,
        "serve",
        config.model,
        *("--uds", str(socket_path)),
        *("--served-model-name", config.served_model_name or config.model),
        *("--max-num-seqs", str(config.max_num_seqs)),
        # a line a request would pass through the worker's own loop
        "--disable-uvicorn-access-log",
        # answers tell what of their prompts was cached
        "--enable-prompt-tokens-details",
        *config.extra_args,
    ]


def max_num_seqs(command: list[str]) -> int:
    """The value vLLM will use: the last one given. Raises ValueError if it is not a number."""
    return given(command, int, "--max-num-seqs") or 0


def max_num_batched_tokens(command: list[str]) -> int:
    """As `max_num_seqs`; 0 where vLLM decides. vLLM's short forms ("8k") are not read: ValueError."""
    return given(command, int, "--max-num-batched-tokens") or 0


def given(command: Sequence[str], kind: Callable[[str], T], *options: str) -> T | None:
    """The last value of an option, by any of its names; None where it is not given. Raises ValueError if it is none of
    that kind."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument(*_spellings(options), type=kind, dest="value")
    try:
        known, _ = parser.parse_known_args(command)
    except argparse.ArgumentError as error:
        raise ValueError(str(error)) from error
    value: T | None = known.value
    return value


def names_any(command: Sequence[str], options: Sequence[str]) -> str | None:
    """The first of the options that is there, with or without a value."""
    there = {argument.partition("=")[0].replace("_", "-") for argument in command if argument.startswith("-")}
    return next((option for option in options if option in there), None)


def _spellings(options: Sequence[str]) -> list[str]:
    """vLLM takes underscores too."""
    return [*options, *(f"--{option[2:].replace('-', '_')}" for option in options if option.startswith("--"))]


def child_environment(outer: Mapping[str, str], config: VllmChildConfig) -> dict[str, str]:
    """vLLM reports usage over the network unless told otherwise; here it is off unless asked for."""
    return {"VLLM_NO_USAGE_STATS": "1", **outer, **config.env}
