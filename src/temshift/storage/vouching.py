"""Files that a folder's record of completion vouches for, verified one by one before they are read."""

from collections.abc import Iterable
from pathlib import Path

from temshift.storage.records import read_part


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
    asked = list(names)
    vouched = set(read_part(record, asked, needed=False).files)
    return [name for name in asked if record.parent / name not in vouched]
