"""The contract of the bus: what is said, where, and what the broker keeps.

Everything that two processes must agree on lives here and nowhere else. Nothing in this room does I/O.
"""
