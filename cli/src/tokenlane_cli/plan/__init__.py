"""`tokenlane plan`: the cheapest fleet that keeps the objectives for a trace, and how it is shown."""
