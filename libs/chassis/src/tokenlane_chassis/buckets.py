"""Key-value buckets, written and read so that a restart of the broker is waited out."""

from tokenlane_chassis.durable import DurablePublisher
from tokenlane_chassis.errors import BusUnavailableError
from tokenlane_chassis.streams import Streams

_OPERATION = "KV-Operation"
_DELETE = {_OPERATION: "DEL"}
_CREATE_TRIES = 3


class Buckets:
    """See the methods of `Bus` with the same names. All raise BusUnavailableError."""

    def __init__(self, durable: DurablePublisher, streams: Streams) -> None:
        self._durable = durable
        self._streams = streams

    async def put(self, bucket: str, key: str, value: bytes) -> None:
        await self._durable.put(_subject(bucket, key), value)

    async def create(self, bucket: str, key: str, value: bytes) -> bytes | None:
        after = 0
        for _ in range(_CREATE_TRIES):
            if await self._durable.publish_once(_subject(bucket, key), value, None, after):
                return None
            after, found = await self._latest(bucket, key)
            if found is not None:
                return found
        raise BusUnavailableError(f"{key} in {bucket} changes too often")

    async def get(self, bucket: str, key: str) -> bytes | None:
        return (await self._latest(bucket, key))[1]

    async def entry(self, bucket: str, key: str) -> tuple[int, bytes | None]:
        return await self._latest(bucket, key)

    async def update(self, bucket: str, key: str, value: bytes, revision: int) -> bool:
        return await self._durable.publish_once(_subject(bucket, key), value, None, revision)

    async def delete(self, bucket: str, key: str) -> None:
        await self._durable.put(_subject(bucket, key), b"", _DELETE)

    async def _latest(self, bucket: str, key: str) -> tuple[int, bytes | None]:
        """Sequence and value. A deleted key leaves a mark, which has a sequence too."""
        found = await self._streams.latest(f"KV_{bucket}", _subject(bucket, key))
        if found is None:
            return 0, None
        seq, message = found
        return seq, None if _OPERATION in message.headers else message.data


def _subject(bucket: str, key: str) -> str:
    return f"$KV.{bucket}.{key}"
