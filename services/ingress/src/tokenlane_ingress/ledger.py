"""The requests that this process accepted and whose clients wait here: what is known of them before anybody else is."""

from typing import NamedTuple

from tokenlane.v1.recovery_pb2 import RequestState, RequestStatus
from tokenlane_chassis.bus import Bus, Message
from tokenlane_client.exchange import Exchange
from tokenlane_client.exchanges import Exchanges
from tokenlane_ingress.background import Background
from tokenlane_proto import subjects
from tokenlane_proto.topology import ALL_CANCELS, ALL_STATUS


class Accepted(NamedTuple):
    """One request. Copies of a keyed request may have several readers here."""

    model: str
    accepted_unix_ms: int
    exchanges: list[Exchange]


class Ledger:
    """Answers questions after the state of its requests, and looks after those that somebody else cancelled."""

    def __init__(self, bus: Bus, exchanges: Exchanges, background: Background) -> None:
        self._bus = bus
        self._exchanges = exchanges
        self._background = background
        self._open: dict[tuple[str, str], Accepted] = {}

    def __len__(self) -> int:
        return len(self._open)

    async def listen(self) -> None:
        """Subscribe to questions and cancellations."""
        await self._bus.subscribe(ALL_STATUS, self._tell_state)
        await self._bus.subscribe(ALL_CANCELS, self._cancelled)

    def enter(self, exchange: Exchange, model: str, now_ms: int) -> None:
        """A request was accepted. `now_ms` in milliseconds since the Unix epoch."""
        key = exchange.tenant, exchange.request_id
        accepted = self._open.get(key)
        if accepted is None:
            self._open[key] = Accepted(model, now_ms, [exchange])
        else:
            accepted.exchanges.append(exchange)

    def leave(self, exchange: Exchange) -> None:
        """Nobody waits any more at `exchange`, which was entered."""
        key = exchange.tenant, exchange.request_id
        exchanges = self._open[key].exchanges
        exchanges.remove(exchange)
        if not exchanges:
            del self._open[key]

    def _find(self, message: Message) -> Accepted | None:
        return self._open.get((subjects.tenant_of(message.subject), message.data.decode("latin-1")))

    def _tell_state(self, message: Message) -> None:
        accepted = self._find(message)
        if accepted is None or not message.reply:
            return
        status = RequestStatus(
            state=RequestState.REQUEST_STATE_ACCEPTED,
            model=accepted.model,
            accepted_unix_ms=accepted.accepted_unix_ms,
        )
        self._bus.post(message.reply, status.SerializeToString())

    def _cancelled(self, message: Message) -> None:
        accepted = self._find(message)
        for exchange in accepted.exchanges if accepted else ():
            # One whose key may stand for another's body has been told nothing about itself.
            if not (exchange.ended or exchange.gone or exchange.body_sha256):
                self._background.start(self._exchanges.turn_to_follow(exchange), "look at a cancelled request")
