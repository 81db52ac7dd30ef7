"""Folders that one run fills and holds against another."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from temshift.core.errors import InputError, TemshiftError

LOCK_PATIENCE = 1.0  # seconds: temshift status holds the lock for a moment


@contextmanager
def locked(root: Path) -> Iterator[None]:
    """Hold a folder against a second run.

    Raises
    ------
    InputError
        Where another run holds it.
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
    """Make a folder and fill it; where that can't be done, the remedy is told."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise InputError(f"cannot make {root}: {error.strerror}; name another folder with --output") from error
    except TemshiftError as error:
        raise InputError(str(error)) from error


def refuse_strangers(root: Path, own: Path, kind: str) -> None:
    """Refuse a file, or a folder that holds something but not the file ``own`` that marks its ``kind``.

    Raises
    ------
    InputError
        Where files would be mixed.
    """
    if root.exists() and not root.is_dir():
        raise InputError(f"{root} is a file; name a folder with --output")
    if not root.exists() or own.exists():
        return
    strangers = sorted(path.name for path in root.iterdir() if not path.name.startswith("."))
    if strangers:
        found = ", ".join(strangers[:3])
        raise InputError(f"{root} is not empty and holds no {kind} ({found}); name a new folder with --output")
