"""Cleaning: steps that each say what they did to a micrograph, and can each be left out."""
