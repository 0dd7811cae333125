"""How the prompt of an OpenAI body is made up: messages, system prompt, tools, media. Nothing here refuses a body.

What is not as the API describes it counts as plain text: the engine is the one to refuse it.
"""

import hashlib
from typing import NamedTuple

import msgspec

ABSENT = msgspec.Raw(b"")
# What is hashed of a text: its beginning, its end, its length.
_HASHED_HEAD = 1_024
_HASHED_TAIL = 256
# Messages of a body that is larger are only built if there are not too many: they could take ten times its memory.
_SMALL_BODY_BYTES = 1_048_576
_MOST_OBJECTS = 65_536
_LIST = ord("[")
_SYSTEM_ROLES = (b'"system"', b'"developer"')
_EMPTY = (b"", b"null", b"[]", b"{}", b'""')


class Message(msgspec.Struct, gc=False):
    """A message. Its values are left as they are."""

    role: msgspec.Raw = ABSENT
    content: msgspec.Raw = ABSENT


class _Part(msgspec.Struct, gc=False):
    """A part of a message's content, by what engines take beside text."""

    image_url: msgspec.Raw = ABSENT
    image: msgspec.Raw = ABSENT
    image_embeds: msgspec.Raw = ABSENT
    input_audio: msgspec.Raw = ABSENT
    audio_url: msgspec.Raw = ABSENT
    video_url: msgspec.Raw = ABSENT
    video: msgspec.Raw = ABSENT
    file: msgspec.Raw = ABSENT


class Media(NamedTuple):
    """Images, audio, files: how many, and what they take of the body. Unit: bytes."""

    parts: int
    size: int


_NO_MEDIA = Media(0, 0)
_parts_decoder: msgspec.json.Decoder[list[_Part | str]] = msgspec.json.Decoder(list[_Part | str])


def countable(body: bytes) -> bool:
    """Whether the objects in `body` are few enough to be built."""
    return len(body) <= _SMALL_BODY_BYTES or body.count(b"{") <= _MOST_OBJECTS


def system_texts(messages: list[Message]) -> list[msgspec.Raw]:
    """The leading system (or developer) messages."""
    leading: list[msgspec.Raw] = []
    for message in messages:
        if bytes(message.role) not in _SYSTEM_ROLES:
            break
        leading.append(message.content)
    return leading


def hash_of(texts: list[msgspec.Raw]) -> int:
    """The first 8 bytes of a BLAKE2b hash over beginning, end and length of each text; 0 if all are empty."""
    present = [memoryview(text) for text in texts if size_of(text)]
    if not present:
        return 0
    digest = hashlib.blake2b(digest_size=8)
    for view in present:
        digest.update(b"%d:" % view.nbytes)
        digest.update(view[:_HASHED_HEAD])
        digest.update(view[_HASHED_HEAD:][-_HASHED_TAIL:])
    return int.from_bytes(digest.digest(), "little") or 1


def size_of(value: msgspec.Raw) -> int:
    """What a field takes of the body, 0 where it says nothing. Unit: bytes."""
    view = memoryview(value)
    return 0 if view.nbytes <= 4 and bytes(view) in _EMPTY else view.nbytes


def media_in(messages: list[Message]) -> Media:
    """The media of a conversation."""
    parts = size = 0
    for message in messages:
        view = memoryview(message.content)
        if view and view[0] == _LIST:
            found = _media_of(message.content)
            parts += found.parts
            size += found.size
    return Media(parts, size)


def _media_of(content: msgspec.Raw) -> Media:
    try:
        parts = _parts_decoder.decode(content)
    except (msgspec.DecodeError, RecursionError):
        return _NO_MEDIA
    sizes = [sum(map(size_of, _values(part))) for part in parts if isinstance(part, _Part)]
    found = [size for size in sizes if size]
    return Media(len(found), sum(found))


def _values(part: _Part) -> tuple[msgspec.Raw, ...]:
    return msgspec.structs.astuple(part)
