"""Gives each request its token budget and its lane, without a tokenizer.

`decision` says what to do with a message (pure: `estimate`, `budget`, `lanes`, `registry`); `classifier` does it.
`knowledge` learns from what the engines counted (pure: `learning`, `recent`, `sampling`); `snapshots` and `warming`
share it with other replicas and keep it over a restart. `keyed` decides idempotency keys (pure: `keys`); `ledger`
remembers what went through, for `controls`: cancellations and questions.
"""
