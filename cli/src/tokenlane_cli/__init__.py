"""The `tokenlane` command: starts the local stack, shows it at work, replays traces against it.

Services are started as processes and never imported.
"""

__version__ = "0.1.0"
