"""The simplest learners, taken from training to test conditions."""
