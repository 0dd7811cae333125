"""Turns the token backlog of each lane into replicas, and moves the lanes' boundaries with the traffic.

`backlog`, `throughput` and `policy` are pure; `autoscaler` reads the bus, asks them, and writes the replicas wanted.
`boundary` does the same for boundaries.
Run one: two would write the same keys by turns.
"""
