"""Names of parameters and columns."""
