"""How urgent a request is, and what it costs."""

from dataclasses import dataclass

from tokenlane_classifier.line.waiting import Waiting
from tokenlane_fleet.urgency import patience_s

# How much later the turn of what is late comes: so many of its limits, up to a most. More: a longer overload is met by
# giving up on more of those that are late; less: they wait for less long, and hold up more of those that could still
# make it. Found with the fleet's simulator.
LIMITS, MOST_S = 4.0, 20.0


def rank_s(waiting: Waiting, now_s: float) -> float:
    """The smaller goes first: by when the first token of what can still make it must be there, a later time for what
    cannot.

    What can still make it ranks at `now_s` or later. So from its aged time on, nothing that comes newly ranks before a
    late request: those that do are counted by then, and it waits for no more than them. Rises once in a lifetime."""
    return waiting.due_s if waiting.start_s >= now_s else aged_s(waiting)


def aged_s(waiting: Waiting) -> float:
    """The rank of a late request."""
    return waiting.due_s + patience_s(waiting.limit_s, LIMITS, MOST_S)


@dataclass(frozen=True, slots=True)
class Tariff:
    """What a token costs. Output costs more: it is made one by one, and holds its cache meanwhile."""

    prompt: float = 1.0
    output: float = 2.0

    def cost(self, prompt_tokens: int, output_tokens: int) -> float:
        """Of a request."""
        return self.prompt * prompt_tokens + self.output * output_tokens

    def of(self, waiting: Waiting) -> float:
        """By its budget."""
        return self.cost(waiting.prompt_tokens, waiting.output_tokens)


TARIFF = Tariff()
