"""How well token budgets are estimated."""
