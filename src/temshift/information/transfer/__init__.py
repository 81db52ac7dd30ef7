"""What microscopes transfer, as power against noise; epsilon, sigma, distances."""
