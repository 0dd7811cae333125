"""A fleet under a trace: many engines, lanes, a queue and its rules, on a virtual clock.

Needs the extra `sim` (numpy and numba). The engines are the package's own scheduler, compiled.
"""
