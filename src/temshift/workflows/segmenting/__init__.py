"""Micrographs of microscopes through a network: into masks and particles, and held against labels."""
