"""As many requests on their way all the time."""

from collections.abc import Callable, Sequence

from bench.tenants.load import Load, Sent


class Backlog:
    """`each` requests of every tenant: whenever one ends, the next is sent, of the tenant that `following` tells."""

    def __init__(
        self, load: Load, tenants: Sequence[str], each: int, following: Callable[[str], str] = lambda tenant: tenant
    ) -> None:
        self._load = load
        self._tenants = tenants
        self._each = each
        self._following = following
        self._is_open = False
        self.done: list[Sent] = []

    async def begin(self) -> None:
        """Send the first ones."""
        self._is_open = True
        self._load.on_end = self._again
        for _ in range(self._each):
            for tenant in self._tenants:
                await self._load.send(tenant)

    def stop(self) -> None:
        """Send no more."""
        self._is_open = False

    def rate(self, since_s: float, until_s: float) -> float:
        """Requests a second that ended in between."""
        return sum(since_s <= sent.ended_s < until_s for sent in self.done) / (until_s - since_s)

    async def _again(self, sent: Sent) -> None:
        self.done.append(sent)
        if self._is_open:
            await self._load.send(self._following(sent.tenant))
