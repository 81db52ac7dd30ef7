"""Object libraries that come with the package: eleven crystals on amorphous carbon."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

from temshift.core import InputError, interaction_constant
from temshift.information.objects.focus_plane import from_least_contrast
from temshift.information.objects.library import ObjectLibrary, join_libraries
from temshift.information.objects.library_files import read_library

SHIPPED_ENERGY = 300e3  # of the electrons whose phase they were measured as [eV]
_FOLDER = Path(__file__).parent / "data"
FocusPlane = Literal["exit_plane", "minimum_contrast"]


def shipped_names() -> tuple[str, ...]:
    """Names of the crystals with a library, in alphabetical order.

    Examples
    --------
    >>> shipped_names()
    ('Ag', 'Au', 'C', 'CdSe', 'Co3O4', 'Cu', 'Fe', 'Fe3O4', 'Pt', 'Si', 'ZnS')
    """
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.json")))


def shipped_library(
    crystal: str | None = "CdSe", *, energy: float = SHIPPED_ENERGY, focus: FocusPlane = "exit_plane"
) -> ObjectLibrary:
    """Read the library of a crystal: 48 spheres of radius 10 to 25 A on 20 to 50 A of amorphous carbon.

    Measured by ``docs/shipped_objects.py``, which holds the recipe, up to 1 / A, of atoms at rest. To first order phase
    parts are proportional to the interaction constant and amplitude parts to its square, so that their powers at
    another energy follow. Amplitudes are those of an aperture of 1 / A: where a narrower one makes strong particles
    dark, measure a recipe.

    Parameters
    ----------
    crystal : str, optional
        One of `shipped_names`; None joins them all.
    energy : float
        Electron energy [eV].
    focus : {"exit_plane", "minimum_contrast"}
        The plane that defocus counts from; that of least contrast of each specimen follows from the powers of its
        particles, about 26 A upstream of the exit plane.

    Returns
    -------
    ObjectLibrary

    Raises
    ------
    InputError
        If no library has that name.

    Examples
    --------
    >>> len(shipped_library("Ag"))
    48
    """
    names = shipped_names()
    if crystal is not None and crystal not in names:
        raise InputError(f"no library of {crystal!r} comes with temshift; those of {', '.join(names)} do")
    chosen = [name for name in names if crystal in (name, None)]
    each = (_at_energy(read_library(_FOLDER / f"{name}.json"), energy) for name in chosen)
    return join_libraries(each if focus == "exit_plane" else (from_least_contrast(one, energy) for one in each))


def _at_energy(library: ObjectLibrary, energy: float) -> ObjectLibrary:
    scale = (interaction_constant(energy) / interaction_constant(SHIPPED_ENERGY)) ** 2
    return replace(
        library,
        particle=library.particle * scale,
        amplitude=library.amplitude * scale**2,
        cross=library.cross * scale**1.5,
        substrate=library.substrate * scale,
    )
