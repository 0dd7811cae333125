"""When a client should send its request again, in headers. Pure."""

# Where nobody says when. Unit: seconds.
_SOON_S = 1
_BUSY = (429, 503)
# Time does not mend these.
_FOR_GOOD = ("request_too_large", "context_length_exceeded")


def retry_headers(status: int, code: str | None, retry_after_ms: int) -> list[tuple[bytes, bytes]]:
    """Headers of an error. `retry_after_ms`: when whoever refused the request would take it, 0 if that was not said.
    OpenAI's clients read the milliseconds, all others the seconds."""
    if retry_after_ms:
        return [(b"retry-after", b"%d" % -(-retry_after_ms // 1000)), (b"retry-after-ms", b"%d" % retry_after_ms)]
    if status in _BUSY and code not in _FOR_GOOD:
        return [(b"retry-after", b"%d" % _SOON_S)]
    return []
