"""A request that goes on by itself."""

from typing import Generic, TypeVar, cast

from tokenlane_client.bodies import Answer
from tokenlane_client.session import Session, whole

A = TypeVar("A", bound=Answer)


class Handle(Generic[A]):
    """A request that the bus has accepted. Its id and its key are all that another process needs."""

    def __init__(
        self, session: Session, request_id: str, idempotency_key: str, body_sha256: bytes, refused: int = 0
    ) -> None:
        self.request_id = request_id
        self.idempotency_key = idempotency_key
        self._session = session
        self._body_sha256 = body_sha256
        self._refused = refused

    async def result(self) -> A:
        """The answer, once it is there; results are kept for an hour. Raises TokenlaneError."""
        return cast("A", await read(self._session, self.request_id, self._body_sha256, self._refused))

    async def cancel(self) -> bool:
        """Stop the request; False if it has ended already. Raises BusUnavailable."""
        return await self._session.cancel(self.request_id)


async def read(session: Session, request_id: str, body_sha256: bytes = b"", refused: int = 0) -> Answer:
    """The answer of a request that was accepted before. Raises TokenlaneError."""
    exchange = await session.follow(request_id, body_sha256, refused)
    try:
        return await whole(exchange, None)
    finally:
        session.end(exchange, cancel=False)
