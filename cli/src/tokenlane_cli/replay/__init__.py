"""Traces of request lengths, sent with their own arrival times, and what the client saw."""
