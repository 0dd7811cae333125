"""Which HTTP server carries the door? Processor time a request, side by side: `python -m bench.http_servers`."""
