"""YAML with lines, configurations, and messages that name the key, its line and the remedy."""
