"""The sizes of the bars, in one place for the suite and for `make chaos`."""

from dataclasses import replace

from tests.chaos.storm import Storm
from tests.support.fleet import FleetConfig

ONE_BROKER = Storm(title="one broker", requests=5_000, calm=500, at_least_kills=15)
CLUSTER = Storm(
    title="three brokers",
    requests=2_000,
    calm=200,
    rate=40,
    kill_every_s=3,
    at_least_kills=13,
    fleet=FleetConfig(brokers=3),
)
# For `make chaos`, which has more time than the suite.
WHOLE_ONE_BROKER = Storm(title="one broker")
WHOLE_CLUSTER = replace(CLUSTER, requests=10_000, at_least_kills=30)
