"""Turns the token backlog of each lane into replicas.

`backlog`, `throughput` and `policy` are pure; `autoscaler` reads the bus, asks them, and writes the replicas wanted.
Run one: two would write the same key by turns.
"""
