"""The planner: the cheapest fleet that keeps the objectives for a trace, by strategy. Needs the extra `sim`."""
