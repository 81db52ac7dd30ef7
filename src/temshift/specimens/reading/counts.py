"""Counts that the head of a text file announces: readers make room for as many atoms before they read any."""

import re

from temshift.core import InputError

MOST_ANNOUNCED = 10_000_000  # atoms, unless the file has as many bytes
_HEAD = 200  # lines
_LONGEST = 1000  # characters of a line that are looked at
_WORDS = re.compile(r"\bn?at(om)?s?\b", re.IGNORECASE)
_NUMBER = re.compile(r"[-+]?\d+\.?\d*([ed][-+]?\d+)?", re.IGNORECASE)
_GEN = re.compile(r"\d+\s+[SCF]", re.IGNORECASE)  # the first line of a file of DFTB+
_REPEATED = re.compile(r"\b(\d{8,})\*")  # as in 1000000000*1
_TIME = "TIMESTEP"  # the line behind it is no count


def require_plausible_counts(content: bytes, path: str) -> None:
    """Refuse a text that announces more atoms than it can hold.

    Parameters
    ----------
    content : bytes
        Of the file.
    path : str
        Its name in messages.

    Raises
    ------
    InputError
        If a count of its first lines exceeds its bytes and `MOST_ANNOUNCED`.
    """
    most = max(len(content), MOST_ANNOUNCED)
    before = ""
    for raw in content[: _HEAD * _LONGEST].splitlines()[:_HEAD]:
        line = raw[:_LONGEST].decode(errors="replace").strip()
        counts = [] if _TIME in before else _counts(line)
        if any(len(count) > 15 or int(count) > most for count in counts):
            raise InputError(f"{path} announces {max(counts, key=len)[:20]} atoms and does not hold as many; mend it")
        before = line


def _counts(line: str) -> list[str]:
    """Whole numbers of a line that may be counts of atoms: of one that holds numbers alone, or names atoms.

    Examples
    --------
    >>> _counts("12 S"), _counts("3 atoms"), _counts("made on 20260101"), _counts("0 3 4")
    (['12'], ['3'], [], ['0', '3', '4'])
    """
    words = line.split()
    alone = all(_NUMBER.fullmatch(word) for word in words) or _GEN.fullmatch(line) or _WORDS.search(line)
    repeated = [match[1] for match in _REPEATED.finditer(line)]
    return repeated + [word for word in words if alone and word.isascii() and word.isdigit()]
