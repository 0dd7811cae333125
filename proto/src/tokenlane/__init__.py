"""Generated from `proto/tokenlane`; see `make proto`."""
