"""What an engine holds: memory, concurrency, step times, and the command that starts it."""
