"""How tenants share a fleet, what a flood of one does to the others, and what sharing costs."""
