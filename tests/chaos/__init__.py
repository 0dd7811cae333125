"""What must hold while processes are killed: traffic, clients that behave as clients do, kills, an audit, a report."""
