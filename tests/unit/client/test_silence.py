"""Patience doubles while nothing is heard, and begins anew with what is."""

from tokenlane_client.silence import Silence


def asked_at(silence: Silence, until_s: int, heard_at: tuple[int, ...] = ()) -> list[int]:
    return [second for second in range(1, until_s) if silence.overdue(second in heard_at, second)]


def test_it_asks_after_five_seconds_then_half_as_often_and_at_least_once_a_minute() -> None:
    assert asked_at(Silence(0, lambda: 0.5), 300) == [5, 15, 35, 75, 135, 195, 255]


def test_what_is_heard_begins_it_anew() -> None:
    assert asked_at(Silence(0, lambda: 0.5), 40, heard_at=(4, 12)) == [9, 17, 27]


def test_readers_that_fell_silent_together_do_not_ask_together() -> None:
    assert asked_at(Silence(0, lambda: 0.0), 8) == [4]
    assert asked_at(Silence(0, lambda: 0.9), 8) == [6]


def test_after_a_reconnect_it_asks_soon_for_others_come_back_later() -> None:
    silence = Silence(0, lambda: 0.5)
    silence.reconnected(0)
    assert asked_at(silence, 30) == [1, 3, 7, 15]
