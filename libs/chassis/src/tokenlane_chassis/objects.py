"""Object stores in the layout that all NATS clients share: chunks under a name of their own, and a message about them.

nats-py's own store neither sends again nor gives up waiting for a chunk, and reads through a consumer that it has to
create.
"""

import base64
import hashlib
import uuid

import msgspec

from tokenlane_chassis.durable import DurablePublisher
from tokenlane_chassis.errors import BusUnavailableError, StreamFullError
from tokenlane_chassis.streams import Streams

# Reads take a chunk at a time, and the smallest bus that is taken has room for one. Unit: bytes.
_CHUNK_BYTES = 48 * 1024
_LARGE_CHUNK_BYTES = 512 * 1024
_DIGEST = "SHA-256="
_ROLLUP = {"Nats-Rollup": "sub"}
_READ_TRIES = 2


class _Info(msgspec.Struct):
    """What the message about an object says, as far as it is needed."""

    name: str
    bucket: str
    nuid: str
    size: int
    chunks: int
    digest: str = ""
    deleted: bool = False


_decoder: msgspec.json.Decoder[_Info] = msgspec.json.Decoder(_Info)


class Objects:
    """See the methods of `Bus` with the same names. All raise BusUnavailableError, `put` StreamFullError too."""

    def __init__(self, durable: DurablePublisher, streams: Streams, max_payload: int) -> None:
        self._durable = durable
        self._streams = streams
        self._chunk = _LARGE_CHUNK_BYTES if max_payload > 2 * _LARGE_CHUNK_BYTES else _CHUNK_BYTES

    async def put(self, store: str, name: str, data: bytes) -> None:
        before = await self._info(store, name)
        parts = [data[start : start + self._chunk] for start in range(0, len(data), self._chunk)]
        info = _Info(name, store, uuid.uuid4().hex, len(data), len(parts), _digest(data))
        try:
            # One after the other: what is sent again must not change places.
            for part in parts:
                await self._durable.put(_chunks(store, info), part)
            await self._durable.put(_about(store, name), msgspec.json.encode(info), _ROLLUP)
        except StreamFullError:
            await self._streams.purge(f"OBJ_{store}", _chunks(store, info))
            raise
        if before is not None:
            await self._streams.purge(f"OBJ_{store}", _chunks(store, before))

    async def get(self, store: str, name: str) -> bytes | None:
        for _ in range(_READ_TRIES):
            info = await self._info(store, name)
            if info is None:
                return None
            parts = await self._streams.messages(f"OBJ_{store}", _chunks(store, info)) if info.size else []
            data = b"".join(part.data for part in parts)
            if _digest(data) == info.digest:
                return data
        # Replaced or deleted under our eyes, twice.
        raise BusUnavailableError(f"object {name} in {store} is not whole")

    async def delete(self, store: str, name: str) -> None:
        info = await self._info(store, name)
        if info is not None:
            await self._streams.purge(f"OBJ_{store}", _about(store, name))
            await self._streams.purge(f"OBJ_{store}", _chunks(store, info))

    async def _info(self, store: str, name: str) -> _Info | None:
        found = await self._streams.last(f"OBJ_{store}", _about(store, name))
        info = None if found is None else _decoder.decode(found.data)
        return None if info is None or info.deleted else info


def _about(store: str, name: str) -> str:
    return f"$O.{store}.M.{base64.urlsafe_b64encode(name.encode()).decode()}"


def _chunks(store: str, info: _Info) -> str:
    return f"$O.{store}.C.{info.nuid}"


def _digest(data: bytes) -> str:
    return _DIGEST + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode()
