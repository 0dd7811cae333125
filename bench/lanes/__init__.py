"""What lanes bring on real vLLM: short and long requests at once, on two engines, with lanes and without."""
