"""Queue, workers, states, failures: a study at work."""
