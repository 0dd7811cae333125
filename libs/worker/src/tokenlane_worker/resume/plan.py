"""How a new attempt goes on with an answer that earlier attempts began."""

from dataclasses import dataclass
from itertools import accumulate

from tokenlane.v1.request_pb2 import Endpoint
from tokenlane_proto import events
from tokenlane_worker.resume.begun import Begun, read_begun
from tokenlane_worker.resume.continuation import read_body
from tokenlane_worker.resume.known import Known
from tokenlane_worker.resume.soundness import choices, repeatable, why_not

# What is said again at most. Unit: characters.
_LONGEST_AGAIN = 64


@dataclass(frozen=True, slots=True)
class Restart:
    """Nothing was shown: the request is run as if for the first time."""


@dataclass(frozen=True, slots=True)
class Continue:
    """The engine goes on from `text`, which came in `pieces` events; what it says first is `again`, the rest of what
    was shown. No text: the request is run anew, behind the opening events that were shown."""

    text: str
    pieces: int
    again: str = ""
    pieces_again: int = 0

    def tokens(self, counted: int | None) -> int:
        """Tokens that `text` stands for: `counted`, the engine's count of its words, but at least one an event. A text
        may have been written in other tokens than it is read in; then `max_tokens` is met within a token or two."""
        return max(self.pieces, counted or 0)

    def whole(self) -> "Continue":
        """The same from all that was shown."""
        return Continue(self.text + self.again, self.pieces + self.pieces_again)


@dataclass(frozen=True, slots=True)
class Regenerate:
    """The request is run anew, and what was shown, which has to come again, is swallowed."""


@dataclass(frozen=True, slots=True)
class Finished:
    """All of the text was shown. Only the events `closing` are missing; a usage event that was asked for and did not
    come is left out, as OpenAI's API allows for streams that were interrupted."""

    closing: bytes


@dataclass(frozen=True, slots=True)
class Impossible:
    """The answer cannot be gone on with. `reason` is for people."""

    reason: str


Plan = Restart | Continue | Regenerate | Finished | Impossible


def plan(endpoint: Endpoint, body: bytes, known: Known) -> Plan:
    """What to do about a streamed request whose answer is `known` up to some event."""
    if not known.events:
        return Restart()
    begun = read_begun(known.data)
    if begun is None:
        return Impossible("what was shown of the answer cannot be read")
    if begun.done:
        return Finished(b"")
    asked = read_body(body)
    if len(begun.finished) >= choices(asked):
        return Finished(events.DONE)
    if begun.opening == begun.events:
        return Continue("", 0)
    reason = why_not(asked) or begun.why_not
    if reason is None:
        return _continue(begun, from_a_word=asked.get("temperature") == 0 or bool(asked.get("stop")))
    return Regenerate() if repeatable(asked) else Impossible(f"the answer cannot be continued: {reason}")


def _continue(begun: Begun, from_a_word: bool) -> Continue:
    """Go on from all of the text, or from the end of a word.

    What was shown may end in white space, or within a token, if the engine held back what could become a stop string.
    It would then be cut into other tokens than those that the engine had chosen, and be gone on with in another way;
    so the engine is to say its end again. If it says something else, all of the text has to do.
    """
    text, pieces = begun.text, _with_text(begun.pieces)
    end = _end_of_a_word(text) if from_a_word else len(text)
    kept = sum(at <= end for at in accumulate(map(len, pieces)))
    return Continue(text[:end], kept, text[end:], len(pieces) - kept)


def _with_text(pieces: list[str]) -> list[str]:
    """Without the last ones that have none: they were parts of a character, and come again."""
    count = len(pieces)
    while count and not pieces[count - 1]:
        count -= 1
    return pieces[:count]


def _end_of_a_word(text: str) -> int:
    """Where the last word ends that white space follows. None near the end: its beginning, or else its end."""
    for end in range(len(text) - 1, max(0, len(text) - _LONGEST_AGAIN), -1):
        if text[end].isspace() and not text[end - 1].isspace():
            return end
    return len(text) if len(text) > _LONGEST_AGAIN else 0
