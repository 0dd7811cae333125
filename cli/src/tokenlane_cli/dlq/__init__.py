"""Dead letters: requests that were given up. Looking at them, trying them again, dropping them."""
