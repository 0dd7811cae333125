"""How long a claim lasts. Times in seconds."""

import pytest

from tokenlane_chassis.lease import Lease


def test_a_claim_lasts_for_the_wait_and_no_longer() -> None:
    lease = Lease(10, confirmed_at=100)
    assert not lease.lost(110)
    assert lease.lost(110.1)


def test_a_confirmation_counts_from_when_the_sign_was_sent() -> None:
    lease = Lease(10, confirmed_at=100)
    lease.confirm(sent_at=103, now=109)
    assert not lease.lost(113)
    assert lease.lost(113.1)


def test_what_was_lost_is_not_won_back() -> None:
    lease = Lease(10, confirmed_at=100)
    assert lease.lost(111)
    lease.confirm(sent_at=111, now=111)
    assert lease.lost(100)


@pytest.mark.parametrize("sent_at", [105, 111])
def test_a_confirmation_that_comes_too_late_tells_that_it_was_lost(sent_at: float) -> None:
    lease = Lease(10, confirmed_at=100)
    lease.confirm(sent_at=sent_at, now=112)
    assert lease.lost(112)


def test_confirmations_may_come_out_of_order() -> None:
    lease = Lease(10, confirmed_at=100)
    lease.confirm(sent_at=107, now=108)
    lease.confirm(sent_at=103, now=108)
    assert not lease.lost(117)
