"""Which of several lanes on one engine a request belongs to, said in its body."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenlane_worker.priority import with_priority

VALUES = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3))
BODIES = st.dictionaries(st.text() | st.just("priority"), VALUES, max_size=5)


@given(BODIES, st.integers(0, 9), st.sampled_from([None, 2]), st.sampled_from(["", " ", "\r\n\t"]))
def test_nothing_but_the_priority_changes(body: dict[str, object], priority: int, indent: int, space: str) -> None:
    text = f"{space}{json.dumps(body, indent=indent)}{space}"
    assert json.loads(with_priority(text.encode(), priority)) == body | {"priority": priority}


@pytest.mark.parametrize("body", [b"", b"[1]", b"r1", b'{"a":1', b"  "])
def test_what_is_not_an_object_stays_as_it_is(body: bytes) -> None:
    assert with_priority(body, 1) == body
