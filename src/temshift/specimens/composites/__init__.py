"""Particles of two crystals: core and shell, random alloys."""
