"""Sets of specimens as files: one extended XYZ file each, a contact sheet and a manifest."""

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ase.io
import numpy as np

from temshift.configuration.model import dump_configuration
from temshift.core import DamagedError, InputError, content_hash
from temshift.execution import Progress, SilentProgress, Task, Work, make_executor
from temshift.figures import specimen_sheet
from temshift.specimens import SPECIMENS_VERSION, Recipe, build_specimen, require_available
from temshift.specimens.cells import wrapped
from temshift.specimens.specimen import specimen_versions
from temshift.storage import claim, read_facts, record_state, replacing, write_text
from temshift.storage.files import discard_leftovers
from temshift.storage.provenance import surroundings
from temshift.storage.records import write_record

MOST_DRAWN = 12
PACKAGES = ("temshift", "numpy", "scipy", "ase")
_DECIMALS = 8  # of a coordinate in angstrom, as ASE writes them
_OWN_NAME = re.compile(r"recipe\.yaml|contact_sheet\.png|manifest\.json|specimen-\d{5,}\.xyz")


@dataclass(frozen=True)
class SpecimenSet:
    """Specimens to write.

    Attributes
    ----------
    recipe : SpecimenRecipe, MixtureRecipe or FileRecipe
        Their recipe.
    seed : int
        Seed of all draws.
    first, count : int
        Number of the first and how many.
    """

    recipe: Recipe
    seed: int
    first: int
    count: int

    @property
    def indices(self) -> range:
        """Numbers of the specimens."""
        return range(self.first, self.first + self.count)

    @property
    def id(self) -> str:
        """Hash of all that a specimen depends on but its number."""
        return content_hash([self.recipe, self.seed, *specimen_versions(self.recipe)])


def write_specimens(
    specimens: SpecimenSet, output: Path | str, *, workers: int = 1, progress: Progress | None = None
) -> list[Path]:
    """Write specimens as extended XYZ with the recipe, a contact sheet of the first 12 and a manifest.

    Intact specimens of the folder are kept, so the same call goes on after an interruption, and a greater
    count adds to a set.

    Parameters
    ----------
    specimens : SpecimenSet
        The set to write.
    output : Path
        A new or empty folder, or one that holds specimens of the same recipe and seed.
    workers : int
        Processes; 0 works in this one. Files do not depend on it.
    progress : Progress, optional
        Reports progress; silent by default.

    Returns
    -------
    list of Path
        Files of the specimens asked for, in order; ``ase.io.read`` gives the atoms of `build_specimen`, to 1e-8 A.

    Raises
    ------
    InputError
        If the count is not positive, files run out, or the folder holds something else or is in use.
    TemshiftError
        If a specimen fails; finished ones are kept.
    """
    output = Path(output)
    count, first = specimens.count, specimens.first
    if count < 1 or first < 0:
        raise InputError(f"count = {count}, first = {first}; give a count of 1 or more, first 0 or more")
    require_available(specimens.recipe, specimens.indices[-1])
    refuse = functools.partial(_refuse_others, output, specimens)
    with claim(output, None, "specimens", refuse), make_executor(workers) as executor:
        discard_leftovers(output)
        write_text(output / "recipe.yaml", dump_configuration(specimens.recipe))
        work = Work(executor, "cpu", progress or SilentProgress())
        missing = work.missing(specimens.indices, lambda index: record_state(_record(output, index)))
        tasks = [Task(write_specimen, (output, specimens, index), f"specimen {index}") for index in missing]
        work.perform("specimens", tasks, [1] * len(tasks), count - len(tasks))
        _conclude(output, specimens, work.progress)
    return [_file(output, index) for index in specimens.indices]


def write_specimen(output: Path, specimens: SpecimenSet, index: int) -> None:
    """Write one specimen and, last, its record.

    Parameters
    ----------
    output : Path
        The folder.
    specimens : SpecimenSet
        Its recipe and seed.
    index : int
        Number of the specimen.
    """
    atoms = build_specimen(specimens.recipe, specimens.seed, index)
    rounded = np.round(atoms.positions, _DECIMALS)
    rounded[:, :2] = wrapped(rounded[:, :2], specimens.recipe.cell)  # rounding may reach the far side
    atoms.positions = rounded
    with replacing(_file(output, index)) as temporary:
        ase.io.write(temporary, atoms, format="extxyz")
    write_record(_record(output, index), [_file(output, index)], {"id": specimens.id, "seed": specimens.seed})


def _file(output: Path, index: int) -> Path:
    return output / f"specimen-{index:05d}.xyz"


def _record(output: Path, index: int) -> Path:
    return output / f".specimen-{index:05d}.json"


def _refuse_others(output: Path, specimens: SpecimenSet) -> None:
    """Refuse a folder that holds specimens of other settings, or files that are no specimens."""
    visible = [path for path in sorted(output.glob("*")) if not path.name.startswith(".")]
    strangers = [path.name for path in visible if not _OWN_NAME.fullmatch(path.name)]
    records = sorted(output.glob(".specimen-*.json"))
    if not records and visible and not _holds_only(output / "recipe.yaml", visible, specimens):
        strangers = [path.name for path in visible]
    if strangers:
        names = ", ".join(strangers[:3])
        raise InputError(
            f"{output} is not empty and holds other files than specimens ({names}); name a new folder with --output"
        )
    others = [facts for facts in map(_facts_of, records) if facts is not None and facts["id"] != specimens.id]
    if others:
        raise InputError(
            f"{output} holds specimens of another recipe or version, or of another seed ({others[0]['seed']}, "
            f"now {specimens.seed}); name another folder with --output"
        )


def _holds_only(recipe: Path, visible: Sequence[Path], specimens: SpecimenSet) -> bool:
    """Return whether a folder holds the recipe alone, as an interrupted start leaves it."""
    return list(visible) == [recipe] and recipe.read_bytes() == dump_configuration(specimens.recipe).encode()


def _facts_of(record: Path) -> dict[str, Any] | None:
    try:
        return read_facts(record)
    except DamagedError:
        return None  # its specimen is made again


def _conclude(output: Path, specimens: SpecimenSet, progress: Progress) -> None:
    """Draw the first specimens of the folder and seal all that are in it, unless that is done already."""
    manifest, sheet = output / "manifest.json", output / "contact_sheet.png"
    numbers = sorted(_number(path) for path in output.glob("specimen-*.xyz"))
    complete = [number for number in numbers if record_state(_record(output, number)).state == "complete"]
    facts = _facts(specimens, complete)
    if record_state(manifest).state == "complete" and read_facts(manifest) == facts:
        progress.message("everything was there already")
        return
    drawn = complete[:MOST_DRAWN]
    atoms = [next(ase.io.iread(_file(output, number), format="extxyz")) for number in drawn]
    with replacing(sheet) as temporary:
        specimen_sheet(atoms, drawn).savefig(temporary, format="png")
    write_record(manifest, [output / "recipe.yaml", sheet, *(_file(output, number) for number in complete)], facts)


def _number(path: Path) -> int:
    return int(path.stem.removeprefix("specimen-"))


def _facts(specimens: SpecimenSet, indices: list[int]) -> dict[str, Any]:
    return {
        "id": specimens.id,
        "recipe": specimens.recipe.model_dump(mode="json"),
        "seed": specimens.seed,
        "specimens": indices,
        "specimens_version": SPECIMENS_VERSION,
        **surroundings(PACKAGES),
    }
