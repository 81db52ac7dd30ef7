"""What a finished study says: tables, metrics, pictures."""
