"""How many networks a folder has in each state, kept until any file changes: thousands take long to look at."""

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from temshift.core import TemshiftError
from temshift.storage import read_json, write_json
from temshift.studies.folder import StudyFolder


def signature_of(folder: StudyFolder) -> str:
    """Return a hash of the names, sizes and times of all files that the states of networks depend on.

    The files of temshift itself are among them, since another version may ask for other networks.
    """
    places = [folder.networks, folder.root / "scores", folder.failure("").parent]
    own = [folder.study_file, folder.conclusion, folder.selection]
    digest = hashlib.sha256()
    for line in sorted([*_package_lines(), *map(_line, own), *(line for place in places for line in _lines(place))]):
        digest.update(line.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def read_tally(folder: StudyFolder, signature: str) -> Counter[str] | None:
    """Return how many networks were in each state when files were as they are now; None if nobody has counted."""
    try:
        kept = read_json(folder.tally)
        if kept["signature"] != signature:
            return None
        return Counter({str(word): int(count) for word, count in kept["counts"].items()})
    except (TemshiftError, KeyError, TypeError, ValueError, AttributeError):
        return None


def keep_tally(folder: StudyFolder, signature: str, counts: Mapping[str, int]) -> None:
    """Keep the number of networks in each state; a folder that can't be written to is looked at again each time."""
    try:
        write_json(folder.tally, {"signature": signature, "counts": dict(counts)})
    except TemshiftError:
        return


def _lines(place: Path) -> Iterator[str]:
    """One line a file below a folder of folders, or of files."""
    if not place.is_dir():
        return
    with os.scandir(place) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                with os.scandir(entry) as files:
                    yield from (f"{file.path} {_stamp(file.stat())}\n" for file in files)
            else:
                yield f"{entry.path} {_stamp(entry.stat())}\n"


def _line(path: Path) -> str:
    return f"{path} {_stamp(path.stat())}\n" if path.exists() else f"{path} is absent\n"


def _stamp(facts: os.stat_result) -> str:
    return f"{facts.st_size} {facts.st_mtime_ns} {facts.st_ino}"


def _package_lines() -> list[str]:
    root = Path(__file__).parents[2]
    return [_line(path) for path in root.rglob("*.py")]
