"""Specimens as transfer sees them: spectra of particles and films, libraries of them."""
