"""Where one server-sent event ends and the next begins."""


def event_end(chunk: bytes) -> int:
    """The offset just behind the last whole event in `chunk`; 0 if it holds none."""
    if chunk.endswith(b"\n\n"):
        return len(chunk)
    line_feeds, carriage_returns = chunk.rfind(b"\n\n"), chunk.rfind(b"\r\n\r\n")
    if line_feeds > carriage_returns:
        return line_feeds + 2
    return carriage_returns + 4 if carriage_returns >= 0 else 0
