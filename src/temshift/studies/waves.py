"""Sets of specimens with their exit waves: named by what they depend on, made shard by shard."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from temshift.core.documents import KeyPath
from temshift.core.hashes import content_hash
from temshift.core.seeds import Stage as Draws
from temshift.core.seeds import torch_seed
from temshift.execution import Task
from temshift.exitwaves.settings import ExitWaveSettings
from temshift.exitwaves.simulation import PHYSICS_VERSION, simulate
from temshift.exitwaves.store import (
    StoreLayout,
    create_store,
    discard_shard,
    read_geometry,
    shard_state,
    write_shard,
)
from temshift.specimens import SpecimenRecipe, build_specimen
from temshift.specimens.specimen import SPECIMENS_VERSION
from temshift.studies.work import Work, one_thread

WARNINGS_SHOWN = 3


@dataclass(frozen=True)
class WaveSet:
    """Specimens that belong together, such as those to train on.

    Parameters
    ----------
    role : str
        What they are for: the name of the set.
    seed : int
        Their seed: no two sets share a specimen.
    recipe : SpecimenRecipe
        What they are.
    exit_waves : ExitWaveSettings
        How their waves are simulated.
    count, per_shard : int
        How many there are, and how many a file holds.
    """

    role: str
    seed: int
    recipe: SpecimenRecipe
    exit_waves: ExitWaveSettings
    count: int
    per_shard: int

    @cached_property
    def settings(self) -> dict[str, Any]:
        """All that the set depends on."""
        return {
            "specimens": self.recipe.model_dump(mode="json"),
            "exit_waves": self.exit_waves.identity(),
            "count": self.count,
            "seed": self.seed,
            "physics": [SPECIMENS_VERSION, PHYSICS_VERSION],
            "per_shard": self.per_shard,
        }

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
        return self.exit_waves.peak_bytes(self.recipe.cell[::-1]) + 2 * self.layout.specimen_bytes * self.per_shard


def wave_sets(
    recipe: SpecimenRecipe, exit_waves: ExitWaveSettings, counts: dict[str, int], per_shard: int, seed: int
) -> dict[str, WaveSet]:
    """Name the sets of a database; set number n draws from seed n of the database's ``seed``."""
    return {
        role: WaveSet(role, torch_seed(seed, Draws.SPECIMEN, number), recipe, exit_waves, count, per_shard)
        for number, (role, count) in enumerate(counts.items())
    }


def make_waves(work: Work, place: Path, waves: WaveSet, only: Iterable[int] | None = None) -> None:
    """Make what a set lacks and warn of particles that no mask shows.

    Parameters
    ----------
    work : Work
        Who makes it.
    place : Path
        Folder of the set's store.
    waves : WaveSet
        What to make.
    only : iterable of int, optional
        The shards to make; all by default.
    """
    create_store(place, waves.layout, waves.settings)
    wanted = list(range(waves.layout.shards) if only is None else only)
    shards = work.missing(wanted, lambda shard: shard_state(place, shard))
    for shard in shards:
        discard_shard(place, shard)
    tasks = [
        Task(simulate_shard, (place, waves, shard, work.device), f"{waves.role} waves, shard {shard}")
        for shard in shards
    ]
    sizes = [len(waves.layout.specimens_of(shard)) for shard in shards]
    reused = sum(len(waves.layout.specimens_of(shard)) for shard in wanted) - sum(sizes)
    work.perform(f"{waves.role} specimens", tasks, sizes, reused)
    _warn(work, place, waves.role, wanted)


def simulate_shard(place: Path, waves: WaveSet, shard: int, device: str) -> None:
    """Simulate the specimens of one shard on one thread and write it with its record."""
    one_thread()
    each = [
        simulate(build_specimen(waves.recipe, waves.seed, number), waves.exit_waves, waves.seed, number, device=device)
        for number in waves.layout.specimens_of(shard)
    ]
    write_shard(place, shard, each)


def exit_wave_faults(
    recipe: SpecimenRecipe, exit_waves: ExitWaveSettings, per_shard: int
) -> Iterator[tuple[KeyPath, str]]:
    """Faults that only show where specimens and exit waves meet: path and message."""
    for key, grid_over in (
        ("sampling_angstrom", exit_waves.grid),
        ("stored_sampling_angstrom", exit_waves.stored_grid),
    ):
        try:
            grid_over(recipe.cell[::-1])
        except ValueError as error:
            yield ("exit_waves", key), str(error)
            return
    needed = WaveSet("", 0, recipe, exit_waves, 1, per_shard).worker_bytes
    if needed > exit_waves.memory_mb * 1e6:
        yield (
            ("exit_waves", "memory_mb"),
            f"is {exit_waves.memory_mb}, but a worker takes {needed / 1e6:.0f} MB; allow that, or take a smaller "
            "per_shard or a coarser sampling_angstrom",
        )
    yield from _phonon_faults(recipe, exit_waves)


def _phonon_faults(recipe: SpecimenRecipe, exit_waves: ExitWaveSettings) -> Iterator[tuple[KeyPath, str]]:
    phonons = exit_waves.phonons
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
    told = [f"specimen {row['specimen']}: {text}" for row in rows for text in row["warnings"]]
    if told:
        shown = "; ".join(told[:WARNINGS_SHOWN]) + ("; ..." if len(told) > WARNINGS_SHOWN else "")
        work.progress.warning(f"{len(told)} in the {role} specimens: {shown}; look at the definition of the mask")
