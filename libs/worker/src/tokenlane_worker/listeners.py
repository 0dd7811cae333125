"""Who hears the answer to a request: its own inbox, and the inboxes that attached to it."""

from tokenlane.v1.request_pb2 import ReplyFormat, Request
from tokenlane_proto import subjects


class Listeners:
    """The request's own inbox may want plain bytes; all others want frames. `plain` and `framed` are subjects."""

    __slots__ = ("_framed", "framed", "plain", "tenant")

    def __init__(self, tenant: str, request: Request) -> None:
        self.tenant = tenant
        self.plain: str | None = None
        self.framed: tuple[str, ...] = ()
        self._framed: dict[str, str] = {}
        if not request.reply_inbox:
            return
        if request.reply_format == ReplyFormat.REPLY_FORMAT_PLAIN:
            self.plain = subjects.reply(tenant, request.reply_inbox)
        else:
            self.add(request.reply_inbox)

    def add(self, inbox: str) -> str:
        """One more inbox for frames; its subject."""
        subject = self._framed[inbox] = subjects.reply(self.tenant, inbox)
        self.framed = tuple(self._framed.values())
        return subject

    def remove(self, inbox: str) -> None:
        """Send nothing more there."""
        self._framed.pop(inbox, None)
        self.framed = tuple(self._framed.values())

    def inboxes(self) -> list[str]:
        """The inboxes that want frames."""
        return list(self._framed)
