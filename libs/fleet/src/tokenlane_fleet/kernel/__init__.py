"""vLLM V1's scheduler as functions on records: one text, two ways to run it.

`tokenlane_fleet.Scheduler` calls it with plain objects and lists, in an engine that is simulated in real time;
`tokenlane_fleet.sim` compiles it with numba over record arrays, for whole fleets on a virtual clock. So it is written
in what both understand: attributes, indices, integers, loops.
"""
