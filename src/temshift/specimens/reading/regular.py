"""Files from outside, read within bounds: regular files only, and so much of them at most, unpacked or not."""

import bz2
import gzip
import lzma
import os
import zlib
from pathlib import Path
from typing import IO, Any

from temshift.core.errors import InputError
from temshift.core.regular_files import irregular_kind

MOST_BYTES = 2**28  # of a structure file, unpacked: some three million atoms as text
_GREATEST_RATIO = 100  # of bytes unpacked to packed: coordinates as text are packed to a tenth, seldom to a thirtieth
_SMALL = 2**24  # bytes unpacked that need no such look
_PIECE = 2**20
_PACKERS: dict[str, Any] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}


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
        kind = irregular_kind(path)
        status = os.stat(path)  # noqa: PTH116 - a Path would resolve a trailing slash away
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error
    if kind is not None:
        raise InputError(f"{path} is {kind}; give a structure file")
    if status.st_size > MOST_BYTES:
        raise _too_large(path)
    if status.st_size == 0:  # of the system's own files too, some of which never end
        raise InputError(f"{path} is empty; give a structure file")


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
    packer = _PACKERS.get(Path(path).suffix)
    try:
        with Path(path).open("rb") as file:
            content = _read(packer(file), file) if packer else _read(file, file)
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise unreadable(path, error) from error
    if content is None:
        raise _too_large(path)
    return (str(Path(path).with_suffix("")) if packer else path), content


def _read(stream: IO[bytes], file: IO[bytes]) -> bytes | None:
    """Read a stream that unpacks a file, or the file itself; None if there is too much of it."""
    content = bytearray()
    while piece := stream.read(_PIECE):
        content += piece
        if len(content) > min(MOST_BYTES, max(_SMALL, _GREATEST_RATIO * file.tell())):
            return None
    return bytes(content)


def unreadable(path: str, error: Exception) -> InputError:
    """Return the error for a file that the system does not give."""
    cause = getattr(error, "strerror", None) or str(error)
    return InputError(f"cannot read {path}: {cause}; give a path from the folder where temshift is called")


def _too_large(path: str) -> InputError:
    return InputError(
        f"{path} holds too much for one structure (at most {MOST_BYTES // 2**20} MiB, and {_GREATEST_RATIO} times "
        "a packed file); give a file of one structure, without its history"
    )
