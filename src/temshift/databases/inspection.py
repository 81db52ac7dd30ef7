"""The content of wave stores, verified byte by byte."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from temshift.core import InputError
from temshift.exitwaves import StoreLayout, stores_in
from temshift.exitwaves.sources import set_labels
from temshift.exitwaves.store import read_description, shard_states
from temshift.storage.records import RecordState, read_record


@dataclass(frozen=True)
class Inspection:
    """A wave store as it was found.

    Attributes
    ----------
    name : str
        The set.
    place : Path
        Its folder.
    layout : StoreLayout
        Shape.
    settings : dict
        All that its waves depend on.
    states : tuple of RecordState
        One for each shard: complete, absent or damaged.
    geometry : tuple of dict
        Of the specimens in complete shards.
    makers : tuple of dict
        Versions and device that complete shards were made with; each once.
    """

    name: str
    place: Path
    layout: StoreLayout
    settings: dict[str, Any]
    states: tuple[RecordState, ...]
    geometry: tuple[dict[str, Any], ...]
    makers: tuple[dict[str, str], ...]

    @property
    def energy(self) -> float:
        """Electron energy [eV]."""
        return float(self.settings["exit_waves"]["energy_kev"]) * 1e3

    @property
    def complete(self) -> list[int]:
        """Numbers of the complete shards."""
        return [number for number, state in enumerate(self.states) if state.state == "complete"]

    @property
    def verdict(self) -> str:
        """How many shards are complete, absent and damaged, in words."""
        counts = Counter(state.state for state in self.states)
        return ", ".join(f"{counts[state]} {state}" for state in ("complete", "absent", "damaged") if counts[state])

    @property
    def coverage(self) -> tuple[float, float] | None:
        """Mean and least share of a particle's disc that the mask covers; None if no particle has a disc."""
        shares = [share for row in self.geometry for share in row["coverage"] if share is not None]
        return (float(np.mean(shares)), min(shares)) if shares else None

    @property
    def warnings(self) -> list[str]:
        """Notes on specimens."""
        return [f"specimen {row['specimen']}: {text}" for row in self.geometry for text in row["warnings"]]

    def range_of(self, key: str) -> tuple[float, float] | None:
        """Least and greatest value of a number of the geometry; None if no specimen has it."""
        values = [row[key] for row in self.geometry if row.get(key) is not None]
        return (min(values), max(values)) if values else None


def inspect_waves(folder: Path | str, remark: Callable[[str], None] = lambda _: None) -> list[Inspection]:
    """Look at every wave store in a database or study folder, and check all its bytes.

    Parameters
    ----------
    folder : path
        A database folder, a study folder, or one store.
    remark : callable
        Takes one sentence if the sets of a study can't be named by what they are.

    Returns
    -------
    list of Inspection
        One a store.

    Raises
    ------
    InputError
        If the folder holds no store, or one of another version.
    DamagedError
        If the description of a store or of the database is damaged.
    """
    folder = Path(folder)
    if (folder / "waves").is_dir() and (folder / "manifest.json").exists() and (folder / "database.yaml").exists():
        read_record(folder / "manifest.json")
    stores = stores_in(folder)
    labels = set_labels(folder, stores, remark)
    return [_inspected(labels.get(name, name), place) for name, place in stores.items()]


def _inspected(name: str, place: Path) -> Inspection:
    layout, settings = read_description(place)
    read_record(place / "manifest.json")
    states = shard_states(place)
    complete = [state.facts for state in states if state.state == "complete"]
    makers = {tuple(facts["made_with"].items()): facts["made_with"] for facts in complete}
    geometry = tuple(row for facts in complete for row in facts["geometry"])
    return Inspection(name, place, layout, settings, states, geometry, tuple(makers.values()))


def begun_sets(sets: Sequence[Inspection]) -> list[Inspection]:
    """Return the sets that have a complete shard.

    Raises
    ------
    InputError
        If none has.
    """
    begun = [one for one in sets if one.complete]
    if not begun:
        raise InputError("no shard is complete, there is nothing to draw; run temshift simulate")
    return begun
