"""Transfer of weak phases in real numbers, for many conditions and several heights at once."""
