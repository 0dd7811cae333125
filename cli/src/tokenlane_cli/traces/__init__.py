"""Traces of request lengths, read as a stream: one reader for replaying and for planning.

bytes → whole lines → blocks of rows (CSV, JSON lines, or drawn from a distribution) → blocks in the order of time →
arrivals to send, or arrays to simulate. Memory is bounded whatever the file's size. What is wrong with a file is one
line, `file:line: what`.
"""
