"""Whose turn it is beside a flood."""

from collections.abc import Collection

from tests.unit.classifier.line.requests import waiting
from tokenlane_classifier.line.crew import Rooms
from tokenlane_classifier.line.line import Line
from tokenlane_classifier.line.turn import whose_turn
from tokenlane_classifier.line.waiting import Place, Priority, Waiting

SHORT, LONG = Place("short", "short"), Place("long", "long")


def line_of(*waits: Waiting) -> Line:
    line = Line()
    for one in waits:
        line.add(one)
    return line


def turn(
    line: Line, ahead: str, spare: Collection[Place] = (), over_limit: str = "", room: Collection[Place] = (SHORT, LONG)
) -> int | None:
    rooms = Rooms(room, spare)
    found = whose_turn(line, 0.0, rooms, lambda one: one.tenant not in over_limit, lambda one: one.tenant in ahead)
    return None if found is None else found.seq


def test_who_floods_goes_where_something_of_a_step_is_left() -> None:
    line = line_of(waiting(1, "f"))
    assert turn(line, "f") is None
    assert turn(line, "f", spare=[SHORT]) == 1
    assert turn(line, "") == 1


def test_beside_others_that_wait_it_goes_when_it_was_served_less() -> None:
    line = line_of(waiting(1, "f", accepted_s=0.0), waiting(2, "a", accepted_s=0.5))
    assert turn(line, "f") == 2, "they are equals"
    for seq in range(10, 30):
        line.add(waiting(seq, "a", prompt=1_000))
        line.release(seq)
    assert turn(line, "f") == 1


def test_of_a_higher_priority_it_goes_first() -> None:
    line = line_of(waiting(1, "f", priority=Priority.INTERACTIVE), waiting(2, "a"))
    assert turn(line, "f") == 1


def test_other_places_do_not_wait_for_it() -> None:
    line = line_of(waiting(1, "f"), waiting(2, "a", lane="long", fits="long", accepted_s=0.5))
    assert turn(line, "f") == 2
    assert turn(line, "f", room=[SHORT]) is None


def test_several_that_flood_do_not_make_room_for_each_other() -> None:
    line = line_of(*(waiting(number, f"f{number}") for number in range(20)))
    ahead = " ".join(f"f{number}" for number in range(20))
    assert turn(line, ahead) is None
    assert turn(line, ahead, spare=[SHORT]) == 0


def test_who_is_over_its_limit_does_not_count_as_waiting() -> None:
    line = line_of(waiting(1, "f"), waiting(2, "l", accepted_s=0.5))
    assert turn(line, "f", over_limit="l") is None
    line.unpark("l")
    assert turn(line, "f") == 2


def test_who_stood_back_is_considered_again() -> None:
    line = line_of(waiting(1, "f"))
    assert [turn(line, "f"), turn(line, "f", spare=[SHORT])] == [None, 1]


def test_where_very_many_flood_none_of_them_stands_back() -> None:
    line = line_of(*(waiting(number, f"f{number}") for number in range(40)))
    ahead = " ".join(f"f{number}" for number in range(40))
    assert turn(line, ahead) is not None


def test_who_is_looked_past_keeps_what_it_is_owed() -> None:
    line = line_of(*(waiting(number, "f", prompt=10_000) for number in range(9)), waiting(99, "a"))
    line.settle(line.get(0) or waiting(0), 0, 0)
    owed = line.tiers[Priority.STANDARD].queue(SHORT).level("f")
    line.look_past("f")
    line.look_at("f")
    assert line.tiers[Priority.STANDARD].queue(SHORT).level("f") == owed < 0


def test_who_has_more_waiting_is_served_as_much_as_who_has_less() -> None:
    slack = 1_000.0
    line = Line(slack)
    for seq in range(1_000):
        line.add(waiting(seq, "f"))
    served = {"a": 0, "f": 0}
    for number in range(400):
        for each in (2, 3):
            line.add(waiting(each * 10_000 + number, "a"))
        next_seq = turn(line, "f")
        assert next_seq is not None
        served[line.release(next_seq).tenant] += 1
    # Each is 200 of work; the one that stands back is a slack, a band and a request behind at most.
    assert abs(served["a"] - served["f"]) * 200 <= 2 * (slack * 1.25 + 200)
