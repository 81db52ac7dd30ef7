"""Sets of specimens with their exit waves: named by the hash of their settings, made shard by shard."""

import json
import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, repeat
from pathlib import Path
from typing import Any

import torch
from ase import Atoms
from pydantic import ValidationError

from temshift.configuration import Configuration, KeyPath
from temshift.core import InputError, TemshiftError, content_hash
from temshift.core import Stage as Draws
from temshift.core.seeds import torch_seed
from temshift.execution import Task, Work
from temshift.exitwaves import (
    ExitWaveSettings,
    StoreLayout,
    WaveSource,
    create_store,
    finished_shards,
    read_geometry,
    read_settings,
    simulate,
    write_shard,
)
from temshift.exitwaves.accuracy.prediction import ACCURACY_VERSION, Choice, choose_rung
from temshift.exitwaves.accuracy.settings import Accuracy
from temshift.exitwaves.simulation import PHYSICS_VERSION
from temshift.exitwaves.store import adopt_shard, discard_shard, shard_state
from temshift.micrographs.threads import one_thread
from temshift.specimens import FileRecipe, Recipe, build_specimen, require_available
from temshift.specimens.specimen import specimen_versions
from temshift.storage.provenance import versions_of

WARNINGS_SHOWN = 3
REMARKABLE = 0.1  # error of images from which a person should know of it
PACKAGES = ("temshift", "torch", "numpy", "scipy", "ase", "zarr")


@dataclass(frozen=True)
class WaveSet:
    """Specimens that belong together, such as those to train on.

    Parameters
    ----------
    role : str
        Their purpose: the name of the set.
    seed : int
        Their seed: no two sets share a specimen.
    recipe : SpecimenRecipe, MixtureRecipe or FileRecipe
        Their recipe.
    exit_waves : ExitWaveSettings
        How their waves are simulated.
    count, per_shard : int
        How many there are, and how many a file holds.
    first : int
        Number in the recipe of the first of them: sets share a recipe's own files out among them.
    """

    role: str
    seed: int
    recipe: Recipe
    exit_waves: ExitWaveSettings
    count: int
    per_shard: int
    first: int = 0

    def specimen(self, number: int) -> Atoms:
        """Build specimen ``number`` of the set."""
        return build_specimen(self.recipe, self.seed, self.first + number)

    @cached_property
    def settings(self) -> dict[str, Any]:
        """All that the set depends on."""
        return {
            "specimens": self.recipe.model_dump(mode="json"),
            "exit_waves": self.exit_waves.identity(),
            "count": self.count,
            "first": self.first,
            "seed": self.seed,
            "physics": [*specimen_versions(self.recipe), PHYSICS_VERSION, *self._accuracy_versions],
            "per_shard": self.per_shard,
        }

    @property
    def _accuracy_versions(self) -> list[int]:
        return [] if self.exit_waves.accuracy is None else [ACCURACY_VERSION]

    def expected_of(self, numbers: Iterable[int]) -> list[Choice]:
        """Pixels and slices of some specimens, each with the error of its image that is to be expected."""
        settings = self.exit_waves
        asked = settings.accuracy or Accuracy()
        return [choose_rung(self.specimen(number), settings.method, settings.rungs, asked) for number in numbers]

    @property
    def id(self) -> str:
        """Hash of all that the set depends on."""
        return content_hash(self.settings)

    @property
    def layout(self) -> StoreLayout:
        """Shape of its store."""
        phonons = self.exit_waves.phonons.configurations
        return StoreLayout(self.count, phonons, self.exit_waves.stored_grid(self.recipe.cell[::-1]), self.per_shard)

    @property
    def worker_bytes(self) -> int:
        """Memory that a worker takes: a simulation, and a shard before it is written, once more while it is stacked."""
        extent, atoms = self.recipe.cell[::-1], self.recipe.atoms_per_area
        return (
            self.exit_waves.peak_bytes(extent, atoms_per_area=atoms) + 2 * self.layout.specimen_bytes * self.per_shard
        )


def wave_sets(
    recipe: Recipe,
    exit_waves: ExitWaveSettings,
    counts: dict[str, int],
    per_shard: int,
    seed: int,
) -> dict[str, WaveSet]:
    """Name the sets of a database; set number n draws from seed n of the database's ``seed``."""
    firsts = accumulate([0, *counts.values()]) if isinstance(recipe, FileRecipe) else repeat(0)
    return {
        role: WaveSet(role, torch_seed(seed, Draws.SPECIMEN, number), recipe, exit_waves, count, per_shard, first)
        for number, ((role, count), first) in enumerate(zip(counts.items(), firsts, strict=False))
    }


class _Stored(Configuration, extra="ignore"):
    """The settings of a store that its set is built from."""

    specimens: Recipe
    exit_waves: ExitWaveSettings
    seed: int
    count: int
    per_shard: int
    first: int = 0


def stored_set(source: WaveSource) -> WaveSet:
    """Return the set that a store was made of, whose specimens can be built again.

    Raises
    ------
    InputError
        If the store does not hold its recipe.
    """
    try:
        stored = _Stored.model_validate_json(json.dumps(source.settings), strict=True)
    except ValidationError as error:
        raise InputError(
            f"{source.store} does not tell how its specimens were built; name a folder that temshift simulate filled"
        ) from error
    sizes = (stored.count, stored.per_shard, stored.first)
    return WaveSet(source.name, stored.seed, stored.specimens, stored.exit_waves, *sizes)


def make_waves(work: Work, place: Path | str, waves: WaveSet, chosen: Sequence[int]) -> None:
    """Make the shards that a set lacks and warn of particles that no mask shows.

    Parameters
    ----------
    work : Work
        Who makes it.
    place : Path
        Folder of the set's store.
    waves : WaveSet
        The set.
    chosen : sequence of int
        The shards to make.
    """
    place = Path(place)
    create_store(place, waves.layout, waves.settings)
    shards = work.missing(chosen, lambda shard: shard_state(place, shard))
    for shard in shards:
        discard_shard(place, shard)
    shards = _not_adopted(place, waves, shards)
    tasks = [
        Task(simulate_shard, (place, waves, shard, work.device), f"{waves.role} waves, shard {shard}")
        for shard in shards
    ]
    sizes = [len(waves.layout.specimens_of(shard)) for shard in shards]
    reused = sum(len(waves.layout.specimens_of(shard)) for shard in chosen) - sum(sizes)
    work.perform(f"{waves.role} specimens", tasks, sizes, reused)
    _warn(work, place, waves.role, chosen)


def _not_adopted(place: Path, waves: WaveSet, shards: Sequence[int]) -> list[int]:
    """Take shards over from stores of the same specimens in other numbers; return those that none has."""
    lacking = list(shards)
    for other in _companions(place, waves) if lacking else []:
        there = finished_shards(other)
        lacking = [shard for shard in lacking if shard not in there or not adopt_shard(place, shard, other)]
    return lacking


def _companions(place: Path, waves: WaveSet) -> Iterator[Path]:
    """Stores of the same folder whose settings differ in the number of specimens alone."""
    for other in sorted(path.parent for path in place.parent.glob("*/manifest.json")):
        with suppress(TemshiftError):  # what is damaged is made again when it is asked for
            if other != place and content_hash({**read_settings(other), "count": waves.count}) == waves.id:
                yield other


def simulate_shard(place: Path, waves: WaveSet, shard: int, device: str) -> None:
    """Simulate the specimens of one shard on one thread and write it with its record."""
    one_thread()
    each = [
        simulate(waves.specimen(number), waves.exit_waves, waves.seed, number, device=device).on_cpu()
        for number in waves.layout.specimens_of(shard)
    ]
    if waves.exit_waves.accuracy is None:
        expected = waves.expected_of(waves.layout.specimens_of(shard)[:1])
        each[0].geometry["expected_image_error"] = expected[0].expected_error
    discard_shard(place, shard)  # of a worker that was killed
    write_shard(place, shard, each, made_with(device))


def made_with(device: str) -> dict[str, str]:
    """Versions and machine that waves may depend on in their last bits."""
    card = torch.cuda.get_device_name() if device == "cuda" else platform.processor() or platform.machine()
    return {**versions_of(PACKAGES), "python": platform.python_version(), "device": card}


def wave_faults(sets: Mapping[str, WaveSet]) -> Iterator[tuple[KeyPath, str]]:
    """Faults of the sets of a database that only show if specimens, exit waves and counts meet: path and message."""
    waves = next(iter(sets.values()))
    recipe, exit_waves = waves.recipe, waves.exit_waves
    for key, grid_over in (
        ("sampling_angstrom", exit_waves.grid),
        ("stored_sampling_angstrom", exit_waves.stored_grid),
    ):
        try:
            grid_over(recipe.cell[::-1])
        except ValueError as error:
            yield ("exit_waves", key), str(error)
            return
    if waves.worker_bytes > exit_waves.memory_mb * 1e6:
        yield (
            ("exit_waves", "memory_mb"),
            f"is {exit_waves.memory_mb}, but a worker takes {waves.worker_bytes / 1e6:.0f} MB; allow that, or take a "
            "smaller per_shard or a coarser sampling_angstrom",
        )
    yield from _phonon_faults(recipe, exit_waves)
    yield from _count_faults(recipe, sum(one.count for one in sets.values()))


def _count_faults(recipe: Recipe, count: int) -> Iterator[tuple[KeyPath, str]]:
    try:
        require_available(recipe, count - 1)
    except InputError as error:
        yield ("counts",), f"{count} specimens in all: {error}"


def _phonon_faults(recipe: Recipe, exit_waves: ExitWaveSettings) -> Iterator[tuple[KeyPath, str]]:
    phonons = exit_waves.phonons
    crystals = {crystal for crystal, _ in recipe.sites} - {""}
    strange = sorted({key.rpartition(".")[0] for key in phonons.rms_displacement_angstrom} - crystals - {""})
    if strange:
        yield (
            ("exit_waves", "phonons", "rms_displacement_angstrom"),
            f"names the crystal {strange[0]!r}; specimens hold {', '.join(sorted(crystals)) or 'none by name'}",
        )
    missing = phonons.missing(recipe.sites)
    if missing:
        yield (
            ("exit_waves", "phonons", "rms_displacement_angstrom"),
            f"lacks {', '.join(missing)}; name a displacement for every element, or none at all",
        )
    if phonons.configurations > 1 and not phonons.rms_displacement_angstrom:
        yield (
            ("exit_waves", "phonons", "configurations"),
            f"given {phonons.configurations}, but atoms do not move; give rms_displacement_angstrom, or 1",
        )


def _warn(work: Work, place: Path, role: str, shards: Sequence[int]) -> None:
    rows = read_geometry(place, shards)
    warnings = [f"specimen {row['specimen']}: {text}" for row in rows for text in row["warnings"]]
    if warnings:
        shown = "; ".join(warnings[:WARNINGS_SHOWN]) + ("; ..." if len(warnings) > WARNINGS_SHOWN else "")
        work.progress.warning(f"{len(warnings)} in the {role} specimens: {shown}; look at the definition of the mask")
    remark = error_remark([row["expected_image_error"] for row in rows if "expected_image_error" in row])
    if remark:
        work.progress.warning(f"{role} specimens: {remark}")


def error_remark(errors: Sequence[float]) -> str:
    """Say that images of some specimens are inaccurate; an empty text if they are not.

    Parameters
    ----------
    errors : sequence of float
        Expected errors of images, as shares of their standard deviation.

    Examples
    --------
    >>> error_remark([0.03, 0.05])
    ''
    >>> error_remark([0.03, 0.25])[:60]
    'sampling and slices may change images by up to 25 % of their'
    """
    if max(errors, default=0.0) <= REMARKABLE:
        return ""
    return (
        f"sampling and slices may change images by up to {100 * max(errors):.0f} % of their standard deviation (at -10 "
        "nm and 15 mrad unless exit_waves.accuracy says otherwise); give exit_waves.accuracy, such as 0.05, or a finer "
        "sampling_angstrom"
    )
