"""Ten thousand requests while every kind of process is killed; and a cluster that loses its leader."""

from tests.chaos.bars import CLUSTER, ONE_BROKER
from tests.chaos.report import Report
from tests.chaos.storm import Storm, weather


async def test_every_process_may_be_killed() -> None:
    report = await run(ONE_BROKER)
    assert set(report.kills) == {"nats", "ingress", "classifier", "worker-short", "worker-long"}


async def test_a_cluster_may_lose_its_leader_and_have_a_node_paused() -> None:
    report = await run(CLUSTER)
    assert any(kill.how != "SIGKILL" for kill in report.kill_log)
    assert any(kill.role == "nats" and kill.how == "SIGKILL" for kill in report.kill_log)


async def run(storm: Storm) -> Report:
    report = await weather(storm)
    print(report.text())
    assert sum(report.kills.values()) >= storm.at_least_kills
    assert report.lost == []
    assert report.doubled == []
    assert report.differing == []
    assert report.left == {}
    assert report.crashes == {}
    assert report.results == storm.requests
    assert report.outcomes == {"completed": storm.requests}
    return report
