"""Moves a model's boundaries with its traffic.

`follower`, `meter`, `finished` and `message` are pure: they remember what was finished and ask
`tokenlane_fleet.boundary`. `shell` reads the bus and writes what changed.
"""
