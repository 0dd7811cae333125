"""The priority of a request in an engine that serves several lanes. Pure."""

_WHITESPACE = b" \t\r\n"


def with_priority(body: bytes, priority: int) -> bytes:
    """An OpenAI body that names its priority, 0 the most urgent, as vLLM reads it with `--scheduling-policy priority`.
    It stands last: of a field that is there twice JSON parsers take the last, so no client outranks others. The body is
    not parsed; what is not an object stays as it is."""
    text = body.rstrip(_WHITESPACE)
    if not text.endswith(b"}"):
        return body
    comma = b"" if text[:-1].rstrip(_WHITESPACE).endswith(b"{") else b","
    return b'%s%s"priority":%d}' % (text[:-1], comma, priority)
