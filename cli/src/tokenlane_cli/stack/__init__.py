"""The local stack: which processes it has, what to start and stop, and the thin shell that does it."""
