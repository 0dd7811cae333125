"""Whether it pays that requests wait for the worker that holds their system prompt."""
