"""Questions about specimens that no network of a study was trained on, or that a network does not know."""
