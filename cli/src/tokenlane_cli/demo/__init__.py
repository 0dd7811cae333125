"""A demonstration on the running local stack: mixed requests, a table, and how to go on."""
