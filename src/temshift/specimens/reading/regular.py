"""Files from outside, read within bounds: regular files only, and so much of them at most, unpacked or not."""

import bz2
import gzip
import lzma
import os
import stat
import zlib
from pathlib import Path
from typing import IO, cast

from temshift.core.errors import InputError

MOST_BYTES = 2**28  # of a structure file, unpacked: some three million atoms as text
_PACKERS = {".gz": gzip.GzipFile, ".bz2": bz2.BZ2File, ".xz": lzma.LZMAFile}
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def require_regular(path: str) -> None:
    """Refuse a path that is no regular file, or too large a file, before it is opened.

    Parameters
    ----------
    path : str
        From the folder where temshift is called.

    Raises
    ------
    InputError
        If nothing is there, or a folder, a pipe, a device or a socket, or a file of more than `MOST_BYTES`.
    """
    try:
        status = os.stat(path)  # noqa: PTH116 - a Path would resolve a trailing slash away
    except (OSError, ValueError) as error:
        raise _unreadable(path, getattr(error, "strerror", None) or str(error)) from error
    if not stat.S_ISREG(status.st_mode):
        kind = _KINDS.get(stat.S_IFMT(status.st_mode), "no file")
        raise InputError(f"{path} is {kind}; give a structure file")
    if status.st_size > MOST_BYTES:
        raise _too_large(path)


def contents(path: str) -> tuple[str, bytes]:
    """Read a regular file, and unpack it if its name ends in .gz, .bz2 or .xz.

    Parameters
    ----------
    path : str
        From the folder where temshift is called.

    Returns
    -------
    name : str
        The path without the ending of a packed file.
    content : bytes
        At most `MOST_BYTES`.

    Raises
    ------
    InputError
        If it is no regular file, cannot be read or unpacked, or is too large.
    """
    require_regular(path)
    packed = Path(path).suffix in _PACKERS
    try:
        with _opened(path) as stream:
            content = stream.read(MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise _unreadable(path, getattr(error, "strerror", None) or str(error)) from error
    if len(content) > MOST_BYTES:
        raise _too_large(path)
    return (str(Path(path).with_suffix("")) if packed else path), content


def _opened(path: str) -> IO[bytes]:
    packer = _PACKERS.get(Path(path).suffix)
    return cast(IO[bytes], packer(path)) if packer else Path(path).open("rb")


def _unreadable(path: str, cause: str) -> InputError:
    return InputError(f"cannot read {path}: {cause}; give a path from the folder where temshift is called")


def _too_large(path: str) -> InputError:
    return InputError(
        f"{path} holds more than {MOST_BYTES // 2**20} MiB, unpacked; give a file of one structure, without its history"
    )
