"""Two sets of conditions, compared."""
