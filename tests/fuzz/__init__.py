"""A hundred thousand bodies and messages that nobody should send, and what must not come of them."""
