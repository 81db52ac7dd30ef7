"""Files that appear whole or not at all, records of completion, folders, provenance."""
