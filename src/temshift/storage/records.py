"""Records of completion: the files that were made, facts, and a hash of every file and of the record."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from temshift.core import DamagedError, InputError, TemshiftError
from temshift.core.hashes import canonical_json, file_hash
from temshift.storage.files import json_bytes, read_json, write_json, write_together

_SMALL = 4_000_000  # bytes


@dataclass(frozen=True)
class Record:
    """A verified record.

    Parameters
    ----------
    facts : dict
        Whatever the writer noted, plain JSON values.
    files : tuple of pathlib.Path
        The files that were made; all exist and are unaltered.
    """

    facts: dict[str, Any]
    files: tuple[Path, ...]


@dataclass(frozen=True)
class RecordState:
    """Whether a record and its files can be used again, and why not.

    Parameters
    ----------
    state : {"complete", "absent", "damaged"}
        Only a complete one can be used.
    reason : str
        For people.
    facts : dict
        Those of a complete record, so that nobody who has looked at it reads it again; empty otherwise.
    """

    state: Literal["complete", "absent", "damaged"]
    reason: str
    facts: dict[str, Any] = field(default_factory=dict, repr=False)


def write_record(path: Path | str, files: Sequence[Path | str], facts: Mapping[str, Any]) -> None:
    """Seal finished files; the record is written last, so that its presence means completion.

    Parameters
    ----------
    path : path
        The record, a JSON file.
    files : sequence of paths
        Finished files in the folder of the record or below it.
    facts : mapping
        Plain JSON values to keep with them.

    Raises
    ------
    ValueError
        If a file lies outside the folder of the record, or a fact is not finite.
    TemshiftError
        If a file cannot be read or the record cannot be written.
    """
    folder = Path(path).resolve().parent
    entries = {_relative(Path(file), folder): _entry(Path(file)) for file in files}
    write_json(path, _sealed(entries, facts))


def write_recorded(path: Path | str, contents: Mapping[str, bytes], facts: Mapping[str, Any]) -> None:
    """Write files and then the record that vouches for them, with less waiting for the disk than one by one.

    Small files, whose bytes `glance_record` verifies, are not flushed: a power cut may cost them, never falsify them.

    Parameters
    ----------
    path : path
        The record, a JSON file.
    contents : mapping of str to bytes
        Files of the record's folder, by name.
    facts : mapping
        Plain JSON values to keep with them.

    Raises
    ------
    ValueError
        If a fact is not finite.
    TemshiftError
        If the disk is full or the folder cannot be written to; the record is then as before.
    """
    record = Path(path)
    entries = {
        name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in contents.items()
    }
    sealed = json_bytes(_sealed(entries, facts))
    write_together(record.parent, {**contents, record.name: sealed}, flushed_from=_SMALL)


def read_record(path: Path | str) -> Record:
    """Read a record; verify its seal and the bytes of every file in it.

    Parameters
    ----------
    path : path
        A record that `write_record` wrote.

    Returns
    -------
    Record

    Raises
    ------
    InputError
        If the record is absent.
    DamagedError
        If the record or a file is missing, truncated or altered.
    """
    return _record(Path(path))


def glance_record(path: Path | str) -> Record:
    """Read a record; verify its seal, the bytes of small files, and the size of large ones, from 4 MB on.

    For many records at once, whose large files are verified by those who read them.

    Parameters
    ----------
    path : path
        A record that `write_record` wrote.

    Returns
    -------
    Record

    Raises
    ------
    InputError
        If the record is absent.
    DamagedError
        If the record or a small file was altered, or a file is missing or of another size.
    """
    return _record(Path(path), most=_SMALL)


def read_facts(path: Path | str) -> dict[str, Any]:
    """Read the facts of a record; verify its seal, not its files.

    Parameters
    ----------
    path : path
        A record that `write_record` wrote.

    Returns
    -------
    dict

    Raises
    ------
    InputError
        If the record is absent.
    DamagedError
        If the record is truncated or altered.
    """
    return dict(_sealed_body(Path(path))["facts"])


def read_part(path: Path | str, names: Sequence[str], *, needed: bool = True) -> Record:
    """Read a record; verify its seal and the bytes of some of its files. The others may be missing.

    Parameters
    ----------
    path : path
        A record that `write_record` wrote.
    names : sequence of str
        Files relative to the folder of the record.
    needed : bool
        Whether the record has to name each; otherwise those that it does not name are left out.

    Returns
    -------
    Record
        With these files alone, whose bytes are those that were recorded.

    Raises
    ------
    InputError
        If the record is absent, or does not name a file that is needed.
    DamagedError
        If the record or one of these files is truncated or altered, or the file is missing.
    """
    body = _sealed_body(Path(path))
    files = body["files"]
    unnamed = [name for name in names if name not in files]
    if unnamed and needed:
        raise InputError(f"{path} does not name {unnamed[0]}; it names {', '.join(files) or 'no file'}")
    verified = (_verified(Path(path).parent, name, files[name]) for name in names if name in files)
    return Record(body["facts"], tuple(verified))


def record_state(path: Path | str) -> RecordState:
    """Return whether a record is complete, absent or damaged, and why.

    Parameters
    ----------
    path : path
        The place of a record that may be there.

    Returns
    -------
    RecordState
        "complete" only if the record and each of its files are verified.
    """
    if not Path(path).exists():
        return RecordState("absent", f"{path} does not exist")
    try:
        record = read_record(path)
    except TemshiftError as error:
        return RecordState("damaged", str(error))
    return RecordState("complete", f"{len(record.files)} files verified", record.facts)


def _sealed(entries: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
    body = {"facts": dict(facts), "files": dict(sorted(entries.items()))}
    return {**body, "seal": _seal(body)}


def _relative(file: Path, folder: Path) -> str:
    resolved = file.resolve()
    if not resolved.is_relative_to(folder):
        raise ValueError(f"{file} lies outside {folder}; a record names files of its own folder only")
    return resolved.relative_to(folder).as_posix()


def _entry(file: Path) -> dict[str, Any]:
    try:
        return {"bytes": file.stat().st_size, "sha256": file_hash(file)}
    except OSError as error:
        raise TemshiftError(f"cannot read {file}: {error.strerror}; it cannot be recorded") from error


def _seal(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical_json(body)).hexdigest()


def _seal_holds(body: Mapping[str, Any], seal: Any) -> bool:
    """Compare a seal with a body as read, which is canonical except for the sign of a zero: the quick way first."""
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return bool(seal == hashlib.sha256(text.encode("ascii")).hexdigest() or seal == _seal(body))


def _sealed_body(path: Path) -> dict[str, Any]:
    content = read_json(path)
    if not isinstance(content, dict) or set(content) != {"facts", "files", "seal"}:
        raise DamagedError(f"{path} is damaged: it is not a record; remove it and run again")
    body = {"facts": content["facts"], "files": content["files"]}
    if not _seal_holds(body, content["seal"]):
        raise DamagedError(f"{path} is damaged: it was altered; remove it and run again")
    return body


def _record(path: Path, *, most: float = math.inf) -> Record:
    """Read a record and verify its files, the bytes of those with at most ``most``."""
    body = _sealed_body(path)
    files = tuple(_verified(path.parent, name, entry, most=most) for name, entry in body["files"].items())
    return Record(body["facts"], files)


def _verified(folder: Path, name: str, entry: Mapping[str, Any], *, most: float = math.inf) -> Path:
    """Verify a file, its bytes too if there are at most ``most`` of them."""
    if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
        raise DamagedError(f"{name} is not a file of {folder}; remove the record and run again")
    file = folder / name
    try:
        size = file.stat().st_size
        unaltered = size == entry["bytes"] and (size > most or file_hash(file) == entry["sha256"])
    except OSError as error:
        raise DamagedError(f"{file} cannot be read: {error.strerror}; make it again") from error
    if not unaltered:
        fault = f"{size} bytes instead of {entry['bytes']}" if size != entry["bytes"] else "altered content"
        raise DamagedError(f"{file} is damaged: {fault}; make it again")
    return file
