"""Devices and models as data with sources, and what follows from them: memory, KV capacity, step times."""
