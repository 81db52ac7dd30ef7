"""The study file, the plan that it expands to, and its cost."""
