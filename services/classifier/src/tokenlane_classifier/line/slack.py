"""How far tenants may be apart and still be equals, by what is served."""

# At most what a tenant gets in this part of a minute, so that over a minute shares are kept to about that and a
# request. Where many share, it is less than a request: then whoever was served least goes first.
_TURN_S = 60 * 0.025
# At most this much of what all are served, as whoever was served little can be delayed by that. Unit: seconds.
_MOST_S = 0.2


def slack_of(rate: float, weight: float) -> float:
    """`rate`: work a second, in units of `Tariff`, above 0. `weight`: of the tenants that wait; 0 if none does."""
    return rate * (min(_MOST_S, _TURN_S / weight) if weight > 0 else _MOST_S)
