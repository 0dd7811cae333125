"""Dead letters for people."""

from collections.abc import Iterator, Sequence

from rich import box
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tokenlane.v1.recovery_pb2 import AttemptEnd, DeadLetter
from tokenlane_cli.dlq.described import body_bytes, endpoint
from tokenlane_cli.dlq.letters import Key
from tokenlane_cli.figures import UNKNOWN, age, count, moment, plain

# Of a body, for a look at it. Unit: characters.
_BODY_SHOWN = 1_500


def letters_table(letters: Sequence[tuple[Key, DeadLetter]], now_unix_ms: int) -> Table:
    """One row a letter: its name, which the other commands ask for, and why it is here."""
    table = Table(box=box.SIMPLE_HEAD, collapse_padding=True)
    table.add_column("died", justify="right", no_wrap=True)
    table.add_column("tries", justify="right", no_wrap=True)
    table.add_column("tenant/request", overflow="fold")
    for key, letter in letters:
        row = Text.assemble(str(key), "\n", _reason(letter))
        table.add_row(_ago(letter, now_unix_ms), str(letter.attempts), row)
    return table


def letter_lines(key: Key, letter: DeadLetter, now_unix_ms: int) -> Iterator[RenderableType]:
    """All that there is to say of a letter, from top to bottom."""
    yield Text(str(key), style="bold")
    yield Padding(_facts(letter, now_unix_ms), (0, 0, 0, 2))
    if letter.history:
        yield Text("\nhow its attempts ended, as far as it is known", style="bold")
        yield _history(letter.history)
    yield Text(f"\nbody, {count(body_bytes(letter))} bytes", style="bold")
    yield Padding(_body(letter), (0, 0, 0, 2))


def _facts(letter: DeadLetter, now_unix_ms: int) -> Table:
    request, given = letter.request, letter.request.classification
    budget = f"{count(given.prompt_tokens)} + {count(given.output_tokens)} tokens" if given.lane else UNKNOWN
    facts = Table(box=None, show_header=False, pad_edge=False)
    facts.add_column(no_wrap=True)
    facts.add_column(overflow="fold")
    for name, value in (
        ("reason", _reason(letter)),
        ("tries", Text(str(letter.attempts))),
        ("died", Text(f"{moment(letter.died_unix_ms)} ({_ago(letter, now_unix_ms)})")),
        ("accepted", Text(moment(request.accepted_unix_ms))),
        ("deadline", Text(moment(request.deadline_unix_ms))),
        ("model", Text(plain(request.facts.model) or UNKNOWN)),
        ("endpoint", Text(endpoint(letter) + (", streamed" if request.facts.stream else "") or UNKNOWN)),
        ("lane", Text(plain(given.lane) or UNKNOWN)),
        ("budget", Text(budget)),
        ("key", Text(plain(request.idempotency_key) or UNKNOWN)),
    ):
        facts.add_row(Text(name, style="dim"), value)
    return facts


def _history(ends: Sequence[AttemptEnd]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, collapse_padding=True)
    table.add_column("#", justify="right", no_wrap=True)
    table.add_column("ended", no_wrap=True)
    table.add_column("worker", no_wrap=True)
    table.add_column("why", overflow="fold")
    for end in ends:
        why = f"handed over: {end.reason}" if end.handed_over else end.reason
        table.add_row(str(end.attempt), moment(end.ended_unix_ms), Text(plain(end.worker)), Text(plain(why)))
    return table


def _body(letter: DeadLetter) -> Text:
    if letter.request.HasField("body_ref"):
        return Text(f"in the object store, as {plain(letter.request.body_ref.object)}", style="dim")
    text = plain(letter.request.body.decode(errors="replace"))
    if len(text) <= _BODY_SHOWN:
        return Text(text or UNKNOWN)
    return Text.assemble(text[:_BODY_SHOWN], ("\N{HORIZONTAL ELLIPSIS} all of it with --json", "dim"))


def _reason(letter: DeadLetter) -> Text:
    return Text(plain(letter.reason) or UNKNOWN, style="red")


def _ago(letter: DeadLetter, now_unix_ms: int) -> str:
    return f"{age((now_unix_ms - letter.died_unix_ms) / 1000)} ago" if letter.died_unix_ms else UNKNOWN
