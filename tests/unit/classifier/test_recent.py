"""What was heard lately is known."""

from hypothesis import given
from hypothesis import strategies as st

from tokenlane_classifier.recent import Recent


@given(st.lists(st.integers(0, 30)), st.integers(1, 8))
def test_the_last_new_keys_are_known(keys: list[int], kept: int) -> None:
    recent = Recent(kept)
    new: list[int] = []
    for key in keys:
        is_new = recent.is_new(key)
        assert is_new or key in new
        assert not (is_new and key in new[-kept:])
        if is_new:
            new.append(key)
