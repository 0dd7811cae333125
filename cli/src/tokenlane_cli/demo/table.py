"""The table of the demonstration. It says in its caption and in each row when the engine is simulated."""

from collections.abc import Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from tokenlane_cli.demo.ask import Answer
from tokenlane_cli.figures import UNKNOWN, count, duration, percentile

SIMULATED = "SIMULATED ENGINE"


def answers_table(answers: Sequence[Answer]) -> Table:
    """One row a request, in the order of the requests."""
    simulated = any(answer.simulated for answer in answers)
    table = Table(
        caption=f"{SIMULATED}: times are modelled, answers are made up" if simulated else None,
        caption_style="bold yellow",
        box=box.SIMPLE_HEAD,
        collapse_padding=True,
    )
    for heading in ("#", "lane", "budget", "tokens", "TTFT", "TPOT", "queue"):
        table.add_column(heading, justify="left" if heading == "lane" else "right", no_wrap=True)
    # The one column that gives way to a narrow terminal: rich never narrows the others.
    table.add_column("answer")
    for answer in answers:
        table.add_row(*_cells(answer), _said(answer))
    return table


def summary(answers: Sequence[Answer]) -> list[str]:
    """A line for each lane, and one for what failed."""
    lines = []
    for lane in dict.fromkeys(answer.lane for answer in answers if not answer.error):
        here = [answer for answer in answers if answer.lane == lane and not answer.error]
        ttft = percentile([answer.ttft_s for answer in here if answer.ttft_s is not None], 50)
        tpot = percentile([answer.tpot_s for answer in here if answer.tpot_s is not None], 50)
        tokens = sum(answer.tokens or 0 for answer in here)
        lines.append(
            f"{lane or UNKNOWN}: {len(here)} requests, {count(tokens)} tokens, "
            f"median TTFT {duration(ttft)}, median TPOT {duration(tpot)}"
        )
    failed = sum(1 for answer in answers if answer.error)
    return [*lines, f"{failed} of {len(answers)} requests failed"] if failed else lines


def _cells(answer: Answer) -> tuple[str, ...]:
    return (
        str(answer.number),
        answer.lane or UNKNOWN,
        count(answer.budget_tokens),
        count(answer.tokens),
        duration(answer.ttft_s),
        duration(answer.tpot_s),
        duration(answer.queue_s),
    )


def _said(answer: Answer) -> Text:
    text = Text(answer.error, style="red") if answer.error else _first_line(answer)
    text.no_wrap, text.overflow = True, "ellipsis"
    return text


def _first_line(answer: Answer) -> Text:
    lines = [line.strip() for line in answer.text.splitlines() if line.strip()]
    said = lines[0] if lines else "(no text)"
    if not answer.simulated:
        return Text(said)
    return Text.assemble(("SIMULATED ", "bold yellow"), said.removeprefix("[simulated]").strip())
