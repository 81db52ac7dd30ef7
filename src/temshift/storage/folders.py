"""Folders of results: made, kept apart from others, and held against a second run."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from temshift.core import InputError, TemshiftError

LOCK_PATIENCE = 1.0  # seconds: temshift status holds the lock for a moment


@contextmanager
def claim(
    root: Path | str, marks: Path | str | None, kind: str, refuse_another: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """Make a folder for results of one kind, or reopen it, and hold it against a second run.

    Parameters
    ----------
    root : Path
        The folder.
    marks : Path or None
        The file of the folder that is there when its results are of this kind; see `refuse_strangers`. None if
        `refuse_another` looks at all files by itself.
    kind : str
        The kind, as messages name it.
    refuse_another : callable
        Raises an `InputError` if the folder holds other results of this kind. It is called before anything is made,
        and again when the folder is held: a run that began at the same time may have filled it.

    Raises
    ------
    InputError
        If the folder holds something else, can't be made, or another run holds it.
    """
    root, marks = Path(root), (None if marks is None else Path(marks))
    _refuse_mixing(root, marks, kind, refuse_another)
    with making(root):
        pass
    with locked(root):
        _refuse_mixing(root, marks, kind, refuse_another)
        yield


def _refuse_mixing(root: Path, marks: Path | None, kind: str, refuse_another: Callable[[], None]) -> None:
    if root.exists() and not root.is_dir():
        raise InputError(f"{root} is a file; name a folder with --output")
    if marks is not None:
        refuse_strangers(root, marks, kind)
    refuse_another()


@contextmanager
def locked(root: Path) -> Iterator[None]:
    """Hold a folder against a second run.

    Raises
    ------
    InputError
        If another run holds it.
    """
    lock = FileLock(root / ".lock")
    try:
        lock.acquire(timeout=LOCK_PATIENCE)
    except Timeout as error:
        raise InputError(f"another temshift run works in {root}; wait for it, or name another folder") from error
    except OSError as error:
        raise InputError(f"cannot write in {root}: {error.strerror}; name another folder") from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def making(root: Path) -> Iterator[None]:
    """Make a folder and fill it; if that can't be done, the message gives the remedy."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise InputError(f"cannot make {root}: {error.strerror}; name another folder with --output") from error
    except TemshiftError as error:
        raise InputError(str(error)) from error


def refuse_strangers(root: Path | str, own: Path | str, kind: str) -> None:
    """Refuse a folder that holds something but not the file ``own`` that marks its ``kind``.

    Raises
    ------
    InputError
        If files would be mixed.
    """
    root, own = Path(root), Path(own)
    if not root.exists() or own.exists():
        return
    strangers = sorted(path.name for path in root.iterdir() if not path.name.startswith("."))
    if strangers:
        names = ", ".join(strangers[:3])
        raise InputError(f"{root} is not empty and holds no {kind} ({names}); name a new folder with --output")


def link(source: Path | str, target: Path | str) -> None:
    """Let a file appear under another name too; it is copied if the disk knows no links."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
