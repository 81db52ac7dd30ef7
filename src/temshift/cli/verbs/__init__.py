"""The verbs themselves: their inputs, their work and their output."""
