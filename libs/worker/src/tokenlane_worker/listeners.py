"""Who hears the answer to a request: its own inbox, and the inboxes that attached to it."""

from tokenlane.v1.request_pb2 import ReplyFormat, Request
from tokenlane_proto import subjects


class Listeners:
    """Subjects by inbox. The request's own inbox may want plain bytes; all others want frames."""

    __slots__ = ("framed", "plain", "tenant")

    def __init__(self, tenant: str, request: Request) -> None:
        self.tenant = tenant
        self.plain: str | None = None
        self.framed: dict[str, str] = {}
        if not request.reply_inbox:
            return
        if request.reply_format == ReplyFormat.REPLY_FORMAT_PLAIN:
            self.plain = subjects.reply(tenant, request.reply_inbox)
        else:
            self.add(request.reply_inbox)

    def add(self, inbox: str) -> str:
        """One more inbox for frames; its subject."""
        subject = subjects.reply(self.tenant, inbox)
        self.framed[inbox] = subject
        return subject

    def remove(self, inbox: str) -> None:
        """Send nothing more there."""
        self.framed.pop(inbox, None)
