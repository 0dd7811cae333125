"""Goodput of the queue that workers pull from by turns (`tokenlane_fleet.urgency`), against routers and fixed lanes.

    python -m bench.goodput --azure TRACE.csv [--resume FILE] [--parts table,limits,overload,rule,credit,cap,engines]

All of it is simulated: engines step by step as vLLM schedules them, step times from data sheets, none measured.
"""
