"""The end of a study: tables, metrics, pictures."""
