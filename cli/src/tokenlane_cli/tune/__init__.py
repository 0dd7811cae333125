"""`tokenlane tune`: what recorded traffic says about lanes, their boundary and their engines.

rows (from the bus or from a file) → counts in bounded memory → a boundary and engine settings, each with its reason →
both simulated on the recorded arrivals beside what runs now → tables, JSON, settings.
"""
