"""Which HTTP server carries the door? Processor time a request, measured side by side. Run: python -m bench.http_servers"""
