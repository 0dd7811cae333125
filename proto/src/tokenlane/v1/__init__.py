"""Messages of version 1."""
