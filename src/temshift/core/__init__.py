"""Errors, seeds, content hashes, safe files and records of completion; light to import."""

from temshift.core.errors import DamagedError, InputError, TemshiftError

__all__ = ["DamagedError", "InputError", "TemshiftError"]
