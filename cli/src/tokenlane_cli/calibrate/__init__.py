"""`tokenlane calibrate`: a profile of an engine, measured through its API."""
