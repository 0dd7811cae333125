"""A size for people."""

from collections.abc import Iterator

from rich import box
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tokenlane_cli.figures import count, duration
from tokenlane_cli.size.sizing import Size
from tokenlane_fleet.hardware.engine_settings import TPOT_S, EngineSettings, Reasoned
from tokenlane_fleet.hardware.gpu import GIB
from tokenlane_fleet.hardware.memory import MemoryBudget


def size_lines(size: Size) -> Iterator[RenderableType]:
    """All of it but the command, from top to bottom."""
    hardware = size.hardware
    gpus, price = hardware.tensor_parallel, hardware.price_per_gpu_hour
    yield Text.assemble(
        (f"{hardware.model} on {gpus} x {hardware.gpu}", "bold"),
        f", {gpus * price:.2f} $/hour at an assumed {price:.2f} a GPU" if price else "",
    )
    if size.memory is not None:
        yield from _titled("memory of a GPU", _memory(size.memory))
    yield from _titled(_capacity(size), _held(size))
    steps = Table.grid(padding=(0, 4, 0, 0))
    steps.add_row(_decode(size), _prefill(size))
    yield from _titled(f"steps: sequences that get a token each; a prompt being read ({hardware.step_time})", steps)
    yield from _titled(f"settings with which a worker starts it: {duration(TPOT_S)} a token", _settings(size.settings))
    for note in size.notes:
        yield Padding(Text(note, style="dim"), (0, 0, 1, 2))


def _titled(title: str, table: Table) -> Iterator[RenderableType]:
    yield Text(f"\n{title}", style="dim")
    yield table


def _memory(memory: MemoryBudget) -> Table:
    table = _table()
    table.add_column("", no_wrap=True)
    table.add_column("GiB", justify="right", no_wrap=True)
    table.add_column("share", justify="right", no_wrap=True)
    for name, value in (
        ("weights", memory.weights),
        ("activations of the largest step", memory.activations),
        ("runtime, graphs, exchange", memory.runtime),
        ("KV cache", memory.kv),
        ("left free", memory.spared),
        ("all", memory.memory),
    ):
        table.add_row(name, f"{value / GIB:.1f}", f"{value / memory.memory:.0%}")
    return table


def _capacity(size: Size) -> str:
    text = f"KV cache of {count(size.hardware.kv_tokens)} tokens"
    if size.memory is not None:
        text += f", {size.memory.kv_per_token / 1024:.1f} KiB each on every GPU"
    return f"{text}: it holds at a time"


def _held(size: Size) -> Table:
    table = _table()
    table.add_column("tokens", justify="right", no_wrap=True)
    table.add_column("sequences", justify="right", no_wrap=True)
    table.add_column("", overflow="fold")
    for held in size.held:
        table.add_row(count(held.tokens), count(held.sequences), _why(size, held.tokens))
    return table


def _why(size: Size, tokens: int) -> str:
    lengths = size.lengths
    asked = f"prompt {count(lengths.prompt)} + output {count(lengths.output)}" if tokens == lengths.total else ""
    longest = "the longest" if tokens == size.hardware.max_model_len else ""
    return ", ".join(filter(None, (asked, longest)))


def _decode(size: Size) -> Table:
    table = _table()
    for name in ("sequences", "a token takes", "tokens/s"):
        table.add_column(name, justify="right", no_wrap=True)
    for step in size.decode:
        table.add_row(count(step.sequences), duration(step.seconds), f"{step.tokens_per_s:,.0f}")
    return table


def _prefill(size: Size) -> Table:
    table = _table()
    for name in ("prompt tokens", "takes", "tokens/s"):
        table.add_column(name, justify="right", no_wrap=True)
    for step in size.prefill:
        table.add_row(count(step.tokens), duration(step.seconds), f"{step.tokens_per_s:,.0f}")
    return table


def _settings(settings: EngineSettings) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column()
    for name in ("max_num_seqs", "max_num_batched_tokens", "long_prefill_token_threshold"):
        chosen: Reasoned = getattr(settings, name)
        table.add_row(name, str(chosen.value), chosen.why)
    return table


def _table() -> Table:
    return Table(box=box.SIMPLE_HEAD, collapse_padding=True)
