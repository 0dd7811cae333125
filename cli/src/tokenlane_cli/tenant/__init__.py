"""What tenants get where a request does not say."""
