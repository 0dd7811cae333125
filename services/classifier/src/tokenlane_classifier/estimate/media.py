"""Images, audio and files in a body: their data are no text. Pure."""

# What stands before the data: in a data URI, and in a piece of audio.
_MARKS = (b";base64,", b'"data"')
# Shorter than this is a word, not data.
_LEAST_DATA = 64


def without(body: bytes) -> bytes:
    """`body` less the base64 data in it. Data that the end of `body` cuts off go, too."""
    for mark in _MARKS:
        if mark in body:
            body = _cut(body, mark)
    return body


def _cut(body: bytes, mark: bytes) -> bytes:
    kept: list[bytes] = []
    start = 0
    while (found := body.find(mark, start)) >= 0:
        begin = found + len(mark)
        if mark.endswith(b'"'):
            begin = _string_after(body, begin)
        end = body.find(b'"', begin)
        end = len(body) if end < 0 else end
        if end - begin < _LEAST_DATA:
            begin = end
        kept.append(body[start:begin])
        start = end
    kept.append(body[start:])
    return b"".join(kept)


def _string_after(body: bytes, begin: int) -> int:
    """Where the string begins that is the value of the name that ends at `begin`; `begin` if it is no string."""
    rest = body[begin : begin + 8].lstrip()
    if rest[:1] != b":" or rest[1:].lstrip()[:1] != b'"':
        return begin
    return body.find(b'"', begin) + 1
