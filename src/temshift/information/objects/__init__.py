"""What specimens are to transfer: spectra of particles and films, libraries of them."""
