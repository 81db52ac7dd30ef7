"""The database file and folder: sets of random specimens with their exit waves, apart from any study."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, field_validator

from temshift.configuration import Configuration, KeyPath, write_document
from temshift.core import InputError
from temshift.databases.capacity import require_room
from temshift.databases.wave_sets import WaveSet, make_waves, wave_faults, wave_sets
from temshift.execution import Progress, SilentProgress, Work, make_executor
from temshift.exitwaves import ExitWaveSettings, create_store, read_settings
from temshift.specimens import Recipe
from temshift.storage import claim, write_text
from temshift.storage.folders import making
from temshift.storage.records import write_record


class Database(Configuration):
    """A wave database, as one YAML file: its specimens, their number, and the simulation of their waves.

    ``counts`` names the sets and gives the number of specimens of each; no two sets share a specimen. ``per_shard``
    specimens go into one file, which one worker makes.
    """

    name: Annotated[str, Field(min_length=1, max_length=80)]
    seed: Annotated[int, Field(ge=0, lt=2**63)]
    counts: Annotated[dict[str, Annotated[int, Field(ge=1, le=10_000_000)]], Field(min_length=1)]
    per_shard: Annotated[int, Field(ge=1, le=4096)] = 4
    specimens: Recipe
    exit_waves: ExitWaveSettings

    @field_validator("counts")
    @classmethod
    def _named(cls, counts: dict[str, int]) -> dict[str, int]:
        wrong = [name for name in counts if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name)]
        if wrong:
            raise ValueError(f"the set {wrong[0]!r} becomes a folder; take letters, digits, - and _")
        folded = [name.casefold() for name in counts]
        if len(set(folded)) < len(folded):
            raise ValueError("two sets differ in upper and lower case alone, which some file systems do not keep apart")
        return counts

    def cross_faults(self) -> Iterable[tuple[KeyPath, str]]:
        """Faults that only show if several keys meet."""
        return wave_faults(self.sets)

    @property
    def sets(self) -> dict[str, WaveSet]:
        """The sets of specimens by name."""
        return wave_sets(self.specimens, self.exit_waves, self.counts, self.per_shard, self.seed)

    def resolved(self) -> dict[str, Any]:
        """Return the database as plain values with every default filled in."""
        return self.model_dump(mode="json", exclude_none=True)


@dataclass(frozen=True)
class DatabaseFolder:
    """Paths of a database folder; its root may be given as text."""

    root: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", Path(self.root))

    @property
    def database_file(self) -> Path:
        """The resolved database."""
        return self.root / "database.yaml"

    @property
    def manifest(self) -> Path:
        """All that is needed to make the database again."""
        return self.root / "manifest.json"

    def waves(self, name: str) -> Path:
        """Return the folder of the store of a set."""
        return self.root / "waves" / name


def simulate_database(
    database: Database,
    output: Path | str,
    *,
    workers: int = 1,
    device: str = "cpu",
    shards: range | None = None,
    progress: Progress | None = None,
) -> DatabaseFolder:
    """Simulate the specimens of a database; finished shards in ``output`` are kept.

    Parameters
    ----------
    database : Database
        The database.
    output : path
        A new folder, or one of an earlier, interrupted run.
    workers : int
        Processes of one thread each; 0 works in this process. Results do not depend on it.
    device : str
        "cpu" or "cuda".
    shards : range, optional
        The shards of each set to make; all by default.
    progress : Progress, optional
        Reports every set; silent by default.

    Returns
    -------
    DatabaseFolder

    Raises
    ------
    InputError
        If the folder holds something else, another run works there, or disk or memory are too small.
    TemshiftError
        If a specimen can't be simulated; finished shards are kept.
    """
    output = Path(output)
    folder, sets = DatabaseFolder(output), database.sets
    chosen = {name: _chosen(shards, waves.layout.shards) for name, waves in sets.items()}
    if not any(chosen.values()):
        raise InputError(f"shards from {shards.start if shards else 0} on: no set has so many; see temshift check")

    def refuse() -> None:
        _refuse_another(folder, sets)
        require_room(output, [(folder.waves(name), waves, chosen[name]) for name, waves in sets.items()], workers)

    with claim(output, folder.database_file, "database", refuse), make_executor(workers) as executor:
        _describe(folder, database)
        work = Work(executor, device, progress or SilentProgress())
        for name, waves in sets.items():
            make_waves(work, folder.waves(name), waves, chosen[name])
    return folder


def _chosen(shards: range | None, count: int) -> range:
    return range(count) if shards is None else range(min(shards.start, count), min(shards.stop, count))


def _describe(folder: DatabaseFolder, database: Database) -> None:
    """Lay out all stores and write down their settings, so that after an interruption missing shards are known."""
    with making(folder.root / "waves"):
        pass
    for name, waves in database.sets.items():
        create_store(folder.waves(name), waves.layout, waves.settings)
    write_text(folder.database_file, write_document(database.resolved()))
    facts = {
        "database": database.resolved(),
        "sets": {name: {"id": waves.id, "seed": waves.seed} for name, waves in database.sets.items()},
    }
    write_record(folder.manifest, [folder.database_file], facts)


def _refuse_another(folder: DatabaseFolder, sets: Mapping[str, WaveSet]) -> None:
    """Refuse a folder whose stores were made from other settings: their shards must not be mixed with new ones."""
    for place in sorted(path.parent for path in folder.root.glob("waves/*/manifest.json")):
        settings = sets[place.name].settings if place.name in sets else {}
        differing = _differing(read_settings(place), settings)
        if differing:
            raise InputError(
                f"{folder.root} holds another database: the set {place.name!r} differs in {', '.join(differing[:5])}; "
                "name another folder with --output"
            )


def _differing(old: Any, new: Any, path: str = "") -> list[str]:
    """Dotted keys at which two trees of plain values differ."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return [] if old == new else [path]
    keys = dict.fromkeys([*old, *new])
    return [dotted for key in keys for dotted in _differing(old.get(key), new.get(key), f"{path}.{key}".strip("."))]
