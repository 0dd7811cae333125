"""The dispatcher: the replica that leads knows all that waits, and lets it into the lanes as workers have room."""
