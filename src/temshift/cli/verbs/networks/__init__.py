"""Verbs about single networks."""
