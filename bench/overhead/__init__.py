"""What the way over the bus costs, against the same upstream asked directly."""
