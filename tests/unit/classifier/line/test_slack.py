"""The slack follows what is served."""

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.classifier.line.fleet import SHORT
from tests.unit.classifier.line.requests import waiting
from tests.unit.classifier.line.test_order import STEPS, Both
from tokenlane_classifier.line.line import Line
from tokenlane_classifier.line.order import TARIFF
from tokenlane_classifier.line.outlook import Outlook
from tokenlane_classifier.line.slack import slack_of
from tokenlane_classifier.line.waiting import Priority

WINDOW_S, RATE = 120, 250


@pytest.mark.parametrize(("weight", "slack"), [(0.0, 200.0), (1.0, 200.0), (7.5, 200.0), (15.0, 100.0), (1_500.0, 1.0)])
def test_it_is_part_of_a_tenants_minute_and_at_most_a_fifth_of_a_second_of_all(weight: float, slack: float) -> None:
    assert slack_of(1_000.0, weight) == pytest.approx(slack)


def test_it_is_not_known_while_it_is_not_known_how_fast_what_waits_is_served() -> None:
    outlook = Outlook()
    assert outlook.slack(0.0) is None
    spots = [outlook.enter(f"t{number % 30}", Priority.STANDARD, 100.0, 1.0, 0.0) for number in range(60)]
    for number, spot in enumerate(spots[:30], start=1):
        outlook.leave(spot, True, 0.1 * number)
    # 1,000 a second, and 30 tenants wait.
    assert outlook.slack(3.0) == pytest.approx(50.0, rel=0.1)


class Slackened(Both):
    """Whose slack changes now and then."""

    def slacken(self, slack: float) -> None:
        for lane in ("short", "long"):
            self.line.slacken(lane, slack)
        if slack != self.reference.slack:
            self.reference.slack, self.reference.width = slack, slack / 8
            for one in self.reference.waiting.values():
                self.reference.lift((one.priority, one.place), one.tenant)


CHANGES = st.tuples(st.just("slacken"), st.sampled_from([32.0, 512.0, 4_096.0]))


@settings(max_examples=300, deadline=None)
@given(st.lists(STEPS | CHANGES, max_size=60))
def test_whatever_the_slack_was_the_order_is_the_one_found_by_looking_at_everything(
    steps: list[tuple[str, object]],
) -> None:
    both = Slackened()
    # Both places know of the first one.
    both.slacken(2_048.0)
    for name, argument in steps:
        getattr(both, "pass_" if name == "pass" else name)(argument)


def test_a_slack_that_is_nearly_the_same_changes_nothing() -> None:
    line = Line(1_000.0)
    for seq, tenant in enumerate("ababaab"):
        line.add(waiting(seq, tenant, prompt=2_000 if seq < 4 else 500, output=0))
    for seq in range(5):
        line.release(seq)
    line.slacken("short", 900.0)
    found = line.next(0.0, {SHORT})
    assert found is not None
    assert found.tenant == "a"
    line.slacken("short", 100.0)
    found = line.next(0.0, {SHORT})
    assert found is not None
    assert found.tenant == "b"


def test_a_slack_is_above_0() -> None:
    with pytest.raises(ValueError, match="above 0"):
        Line().slacken("short", 0.0)


def served(tenants: int, slack: float | None) -> dict[str, float]:
    """What tenants that always wait are served over their weight, where engines take `RATE` requests a second."""
    line, chance, done = Line(), random.Random(1), dict[str, float]()
    weights = {f"t{number}": 1.0 + number % 2 for number in range(tenants)}
    coming = [name for name in weights for _ in range(4)]
    for name, weight in weights.items():
        line.weigh(name, weight)
    if slack is not None:
        line.slacken("short", slack)
    for seq in range(WINDOW_S * RATE):
        for number, name in enumerate(coming):
            prompt, output = chance.randint(50, 150), chance.randint(5, 15)
            one = waiting(seq * 8_000 + number, name, prompt=prompt, output=output, accepted_s=seq / RATE)
            line.add(replace(one, limit_s=chance.choice([1.0, 5.0])))
        found = line.next(seq / RATE, {SHORT})
        assert found is not None
        line.release(found.seq)
        done[found.tenant] = done.get(found.tenant, 0.0) + TARIFF.of(found) / weights[found.tenant]
        coming = [found.tenant]
    return done


@pytest.mark.parametrize("tenants", [2, 50, 300])
def test_those_that_wait_are_served_by_weight_on_a_fleet_that_is_not_large(tenants: int) -> None:
    done = served(tenants, slack_of(RATE * 120.0, 1.5 * tenants))
    mean = sum(done.values()) / tenants
    assert max(abs(each - mean) for each in done.values()) < 0.05 * mean


def test_with_a_slack_for_large_fleets_they_are_not() -> None:
    done = served(300, None)
    mean = sum(done.values()) / 300
    assert max(abs(each - mean) for each in done.values()) > 0.2 * mean
