"""Studies on the model of the fleet: its speed, the published two-pool table, policies at equal tuning, a peer.

    python -m bench.fleet.speed TRACE
    python -m bench.fleet.paper --azure TRACE --lmsys DISTRIBUTION
    python -m bench.fleet.policies --azure TRACE --lmsys DISTRIBUTION --agents DISTRIBUTION
    python -m bench.fleet.peer --azure TRACE --lmsys DISTRIBUTION --peer-python PYTHON

Each prints Markdown. What is simulated runs on step times from data sheets, not measured on a GPU.
"""
