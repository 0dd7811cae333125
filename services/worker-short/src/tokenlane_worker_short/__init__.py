"""The short lane: many short requests at once, none of them behind a long prefill."""
