"""Spaces of distributions: centre and breadth of every parameter drawn by a quasi-random sequence."""
