"""Faults that a user can mend; the command line prints them without a traceback."""


class TemshiftError(Exception):
    """A fault that the user can mend: the text says what happened, where, and the remedy."""

    exit_code = 1


class InputError(TemshiftError):
    """A fault in what was given before anything ran: a file, an option, a folder or a device."""

    exit_code = 2


class DamagedError(TemshiftError):
    """A stored file is truncated or was altered after it had been written."""
