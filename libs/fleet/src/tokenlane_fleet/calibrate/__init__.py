"""A StepCost from measured steps (needs numpy and scipy)."""
