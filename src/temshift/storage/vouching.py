"""Files that a folder's record of completion vouches for, verified one by one before they are read."""

from collections.abc import Iterable
from pathlib import Path

from temshift.core import InputError
from temshift.storage.records import read_facts, recorded_file


def verify_named(record: Path, names: Iterable[str]) -> list[str]:
    """Verify those of some files that a record names, and return the others.

    Parameters
    ----------
    record : Path
        A record that is there.
    names : iterable of str
        Files relative to the folder of the record.

    Returns
    -------
    list of str
        Files that the record does not name, such as one of an earlier version: nothing vouches for them.

    Raises
    ------
    DamagedError
        If the record or a file that it names is missing, truncated or altered.

    Examples
    --------
    >>> import tempfile
    >>> from temshift.storage.records import write_recorded
    >>> record = Path(tempfile.mkdtemp()) / "done.json"
    >>> write_recorded(record, {"a.txt": b"a"}, {})
    >>> verify_named(record, ["a.txt", "b.txt"])
    ['b.txt']
    """
    read_facts(record)
    return [name for name in names if not _names(record, name)]


def _names(record: Path, name: str) -> bool:
    """Whether a record names a file, which is then verified."""
    try:
        recorded_file(record, name)
    except InputError:
        return False
    return True
