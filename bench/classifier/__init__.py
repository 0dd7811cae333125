"""What a classifier's decision costs, and how many requests a second go through one replica and through two."""
