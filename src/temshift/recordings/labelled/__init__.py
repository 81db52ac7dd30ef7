"""Micrographs with the labels that people drew: read, and paired by their names or places."""
