"""The study file, what it expands to, what it costs."""
