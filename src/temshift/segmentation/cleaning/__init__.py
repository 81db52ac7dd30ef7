"""Cleaning: steps that each report their change to a micrograph, and can each be left out."""
