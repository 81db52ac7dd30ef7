"""Measure the object libraries that come with temshift: python docs/shipped_objects.py [FOLDER [CRYSTAL ...]].

That takes some minutes. Cell, gap, orientation and crystals but gold and platinum are those of the published study
("Strategies for effective transfer learning for HRTEM analysis with neural networks", CC-BY-4.0); radii, film and the
number of particles a cell are ours. CdSe has stacking faults, up to two there, up to one here: the least particles have
no room for more.
"""

import platform
import sys
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import temshift.information
from temshift.databases import (
    HIGHEST,
    SAMPLING,
    default_exit_waves,
    library_of_recipe,
)
from temshift.information import write_library
from temshift.specimens import CRYSTALS, SPECIMENS_VERSION, SpecimenRecipe

FOLDER = Path(temshift.information.__file__).parent / "objects" / "data"
SPECIMENS, SEED = 16, 0
PACKAGES = ("temshift", "torch", "numpy", "scipy", "ase")


def main(folder: Path, crystals: Iterable[str]) -> None:
    """Write a record and a table for each crystal."""
    for crystal in crystals:
        library = library_of_recipe(recipe_of(crystal), count=SPECIMENS, seed=SEED)
        write_library(folder / f"{crystal}.json", library, facts_of(crystal))
        print(crystal, f"{len(library)} particles, area fraction {library.area_fraction:.3f}", flush=True)


def recipe_of(crystal: str) -> SpecimenRecipe:
    """Give the specimens of a crystal: three spheres on carbon."""
    faults = {"stacking_faults": {"minimum": 0, "maximum": 1}} if crystal == "CdSe" else {}
    particles = {"crystal": crystal, "radius_nm": {"minimum": 1.0, "maximum": 2.5}, "count": 3, "gap_nm": 1.0}
    return SpecimenRecipe.model_validate(
        {
            "cell_nm": (12.8, 12.8),
            "substrate": {"thickness_nm": {"minimum": 2.0, "maximum": 5.0}},
            "particles": {**particles, **faults},
        }
    )


def facts_of(crystal: str) -> dict[str, Any]:
    """Tell all that the library of a crystal depends on."""
    return {
        "made_by": "docs/shipped_objects.py",
        "recipe": recipe_of(crystal).model_dump(mode="json"),
        "exit_waves": default_exit_waves().identity(),
        "specimens": SPECIMENS,
        "seed": SEED,
        "sampling_angstrom": SAMPLING,
        "highest_per_angstrom": HIGHEST,
        "specimens_version": SPECIMENS_VERSION,
        "versions": {name: version(name) for name in PACKAGES},
        "python": platform.python_version(),
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER, sys.argv[2:] or CRYSTALS)
