"""Files that appear whole or not at all, and are checked when they are read."""

import errno
import hashlib
import io
import json
import math
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from temshift.core import DamagedError, InputError, TemshiftError

if TYPE_CHECKING:
    import polars

LEFTOVER = ".unfinished-"  # begins the names of folders of what is being written
_REMEDIES = {
    errno.ENOSPC: "free some space or choose another disk, then run again",
    errno.EDQUOT: "free some of your quota or choose another disk, then run again",
    errno.EFBIG: "raise the limit on the size of files or choose another disk",
    errno.EROFS: "choose a folder on a disk that can be written to",
    errno.EACCES: "choose a folder that you may write to",
    errno.EPERM: "choose a folder that you may write to",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ELOOP: "choose another name: its symbolic links go round in a circle",
    errno.ENOTDIR: "choose another folder: a part of this path is a file",
    errno.EEXIST: "choose another folder: a part of this path is a file",
    errno.EISDIR: "choose another name: this one is a folder",
}
_SEAL_KEY = "temshift.sha256"
_NO_SEAL = "0" * 64
_SEAL = re.compile(re.escape(_SEAL_KEY).encode() + rb"(.{1,4}?)([0-9a-f]{64})", re.DOTALL)
_HUGE = re.compile(rb"[\s:,\[]-?\d[\d.]*[eE]\+?\d{3}|\d{300}")  # a number that may be beyond what a float holds
_ANY_REMEDY = "check the disk and the folder, then run again"


@contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """Lend a temporary path; the file written there takes the place of `path` at the end, whole.

    Parameters
    ----------
    path : path
        The file to write; its folder is made if it is missing.

    Yields
    ------
    pathlib.Path
        A file of the same name in a new hidden folder next to `path`, removed on any failure.

    Raises
    ------
    TemshiftError
        If the disk is full or the folder cannot be written to; `path` is then as before.

    Examples
    --------
    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "a.txt"
    >>> with replacing(target) as temporary:
    ...     _ = temporary.write_text("whole")
    >>> target.read_text()
    'whole'
    """
    target = Path(path)
    try:
        with _workplace(target.parent) as workplace:
            yield workplace / target.name
            flush(workplace / target.name)
            os.replace(workplace / target.name, target)  # noqa: PTH105
            _flush_names(target.parent)
    except OSError as error:
        _raise_write_error(target, error)


def require_writable(path: Path | str) -> None:
    """Refuse a file that could not be written, before the work whose result it is to hold.

    Parameters
    ----------
    path : path
        The file; its folder is made if it is missing.

    Raises
    ------
    InputError
        If `path` is a folder or has too long a name, or the folder that it is to be in cannot be made or written to.
    """
    target = Path(path)
    try:
        with suppress(FileNotFoundError):
            if stat.S_ISDIR(target.stat().st_mode):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        with _workplace(target.parent):
            pass
    except OSError as error:
        raise InputError(_write_fault(target, error)) from error


def write_together(folder: Path | str, contents: Mapping[str, bytes], *, flushed_from: int = 0) -> None:
    """Write several files of one folder, each of which appears whole, in the order given.

    Parameters
    ----------
    folder : path
        Made if it is missing.
    contents : mapping of str to bytes
        All of the content of each file, by its name.
    flushed_from : int
        Files of fewer bytes are left for the system to bring to the disk, which is several times as fast; a power
        cut in the next seconds may lose them. For files whose readers verify every byte.

    Raises
    ------
    TemshiftError
        If the disk is full or the folder cannot be written to; some of the files may be as before.
    """
    target = Path(folder)
    try:
        with _workplace(target) as workplace:
            for name, data in contents.items():
                (workplace / name).write_bytes(data)
                if len(data) >= flushed_from:
                    flush(workplace / name)
            for name in contents:
                os.replace(workplace / name, target / name)  # noqa: PTH105
            if any(len(data) >= flushed_from for data in contents.values()):
                _flush_names(target)
    except OSError as error:
        _raise_write_error(target, error)


@contextmanager
def _workplace(folder: Path) -> Iterator[Path]:
    """Lend a new hidden folder in a folder, which is made if it is missing; it is gone at the end."""
    workplace = folder / f"{LEFTOVER}{secrets.token_hex(8)}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        workplace.mkdir()
        yield workplace
    finally:
        shutil.rmtree(workplace, ignore_errors=True)


def write_bytes(path: Path | str, data: bytes) -> None:
    """Write bytes; see `replacing`.

    Parameters
    ----------
    path : path
        The file to write.
    data : bytes
        All of its content.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path | str, text: str) -> None:
    """Write text as UTF-8 with plain line ends; see `replacing`.

    Parameters
    ----------
    path : path
        The file to write.
    text : str
        All of its content.
    """
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path | str, value: Any) -> None:
    """Write a value as indented JSON; see `replacing`.

    Parameters
    ----------
    path : path
        The file to write.
    value : mapping, list, str, number, bool or None
        A number that is missing is None; NaN is refused.

    Raises
    ------
    ValueError
        For a number that is not finite.
    """
    write_bytes(path, json_bytes(value))


def json_bytes(value: Any) -> bytes:
    """Return the bytes that `write_json` writes."""
    return (json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False) + "\n").encode("utf-8")


def write_table(path: Path | str, table: "polars.DataFrame") -> None:
    """Write a table as Parquet with a hash of the file in its metadata; see `replacing`.

    Parameters
    ----------
    path : path
        The file to write.
    table : polars.DataFrame
        The whole table.
    """
    write_bytes(path, table_bytes(table))


def table_bytes(table: "polars.DataFrame") -> bytes:
    """Return the bytes that `write_table` writes."""
    buffer = io.BytesIO()
    table.write_parquet(buffer, metadata={_SEAL_KEY: _NO_SEAL})
    return _sealed(buffer.getvalue())


def read_json(path: Path | str) -> Any:
    """Read JSON that `write_json` wrote.

    Parameters
    ----------
    path : path
        An existing file.

    Returns
    -------
    mapping, list, str, number, bool or None

    Raises
    ------
    InputError
        If the file is absent or cannot be opened.
    DamagedError
        If it holds no JSON, or a number that is not finite.
    """
    data = _read_bytes(path)
    try:
        return json.loads(data, parse_constant=_finite, parse_float=_finite if _HUGE.search(data) else None)
    except (ValueError, RecursionError) as error:
        raise _damaged(path, f"it is not JSON ({error})") from error


def read_table(path: Path | str) -> "polars.DataFrame":
    """Read a Parquet table; if `write_table` wrote it, its hash is verified first.

    Parameters
    ----------
    path : path
        An existing file.

    Returns
    -------
    polars.DataFrame

    Raises
    ------
    InputError
        If the file is absent or cannot be opened.
    DamagedError
        If it holds no table, or one that was altered.
    """
    import polars
    from polars.exceptions import PanicException, PolarsError

    data = _read_bytes(path)
    if not _seal_holds(data):
        raise _damaged(path, "it was altered")
    try:
        return polars.read_parquet(io.BytesIO(data))
    except (PolarsError, PanicException, OSError, ValueError) as error:
        raise _damaged(path, f"it is not a table ({error})") from error


def discard_leftovers(folder: Path | str, *, below: bool = False) -> int:
    """Remove the half-written files of a killed process in a folder that nobody else writes to.

    Parameters
    ----------
    folder : path
        The folder to search.
    below : bool
        Whether the folders in it are searched, too.

    Returns
    -------
    int
        How many were removed.
    """
    removed = 0
    for place, folders, _ in os.walk(folder):
        leftovers = [name for name in folders if name.startswith(LEFTOVER)]
        for name in leftovers:
            shutil.rmtree(Path(place, name), ignore_errors=True)
        removed += len(leftovers)
        folders[:] = [name for name in folders if name not in leftovers] if below else []
    return removed


def flush(path: Path, mode: int = os.O_RDWR) -> None:
    """Have the disk hold the content of a file.

    Parameters
    ----------
    path : Path
        A finished file.
    mode : int
        How to open it.
    """
    descriptor = os.open(path, mode)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _flush_names(folder: Path) -> None:
    """Have the disk hold the names in a folder, if its file system can be asked to."""
    if os.name == "nt":
        return
    try:
        flush(folder, os.O_RDONLY)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise


def _raise_write_error(target: Path, error: OSError) -> NoReturn:
    raise TemshiftError(_write_fault(target, error)) from error


def _write_fault(target: Path, error: OSError) -> str:
    return f"cannot write {target}: {error.strerror or str(error)}; {write_remedy(error)}"


def write_remedy(error: OSError) -> str:
    """Return how a user mends an error of the system."""
    return _REMEDIES.get(error.errno or 0, _ANY_REMEDY)


def _read_bytes(path: Path | str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        cause = error.strerror or str(error)
        raise InputError(f"cannot read {path}: {cause}; check the path and your rights to it") from error


def _sealed(data: bytes) -> bytes:
    """Put the hash of the file in the place that its metadata keeps for it.

    A flipped bit can otherwise make a reader of Parquet ask for so much memory that the process aborts.
    """
    seal = hashlib.sha256(data).hexdigest()
    return _SEAL.sub(_SEAL_KEY.encode() + rb"\g<1>" + seal.encode(), data)


def _seal_holds(data: bytes) -> bool:
    seals = {match[2] for match in _SEAL.finditer(data)}
    unsealed = _SEAL.sub(_SEAL_KEY.encode() + rb"\g<1>" + _NO_SEAL.encode(), data)
    return not seals or seals == {hashlib.sha256(unsealed).hexdigest().encode()}


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is not a finite number")
    return number


def _damaged(path: Path | str, fault: str) -> DamagedError:
    return DamagedError(f"{path} is damaged: {fault}; remove it and run again")
