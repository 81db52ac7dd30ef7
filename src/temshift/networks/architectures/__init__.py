"""The shapes of networks, each with its settings."""
