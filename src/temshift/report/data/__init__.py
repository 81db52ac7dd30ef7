"""What the page and the figures are drawn from, as tables."""
