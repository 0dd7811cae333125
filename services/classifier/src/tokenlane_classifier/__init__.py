"""Gives each request its token budget and its lane, without a tokenizer.

`decision` says what to do with a message (pure: `category`, `ratio`, `budget`, `lanes`, `registry`); `classifier` does
it; `feedback` learns from what the engines counted.
"""
