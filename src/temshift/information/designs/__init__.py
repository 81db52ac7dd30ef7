"""Training sets that serve given conditions best."""
