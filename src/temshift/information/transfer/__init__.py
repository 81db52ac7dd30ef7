"""Transfer of microscopes as power against noise; epsilon, sigma, distances."""
