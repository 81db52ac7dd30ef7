"""Regular files and their size: pipes and devices give no end, or never begin."""

import os
import stat
from pathlib import Path

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def irregular_kind(path: str) -> str | None:
    """Return what a path is, such as "a pipe", if it is no regular file; None if it is one.

    Raises
    ------
    OSError
        If the system does not give it.
    ValueError
        If no file can have that name.
    """
    mode = os.stat(path).st_mode  # noqa: PTH116 - a Path would resolve a trailing slash away
    return None if stat.S_ISREG(mode) else _KINDS.get(stat.S_IFMT(mode), "no file")


def read_regular(path: str, most: int) -> bytes:
    """Read a regular file whole.

    Parameters
    ----------
    path : str
        From the folder where temshift is called.
    most : int
        Bytes that it may have.

    Raises
    ------
    OSError
        If the system does not give it.
    ValueError
        If it is no regular file, or has more bytes, or no file can have that name.
    """
    kind = irregular_kind(path)
    if kind is not None:
        raise ValueError(f"{path} is {kind}; give a file")
    with Path(path).open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise ValueError(f"{path} has more than {most // 2**20} MiB; give a table of numbers alone")
    return content
