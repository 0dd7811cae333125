"""The fleet's model held against real vLLM: `python -m tests.validation` prints the tables of docs/validation.md."""
