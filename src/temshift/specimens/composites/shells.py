"""Core-shell particles: a second crystal around the first."""

from typing import Annotated, Literal

import numpy as np
from ase.data import covalent_radii
from numpy.typing import NDArray
from pydantic import AfterValidator
from scipy.spatial import cKDTree

from temshift.configuration import Configuration
from temshift.core import InputError
from temshift.specimens.composites.alloys import same_structure
from temshift.specimens.crystals import Crystal
from temshift.specimens.ranges import ANGSTROM_PER_NM, Range, in_angstrom, within

LEAST_CORE = 0.3 * ANGSTROM_PER_NM  # radius from which on no core is empty [A]
_CONTACT = 0.8  # of the sum of two covalent radii: atoms of the shell nearer to the core are left out

ShellThickness = Annotated[Range[float], AfterValidator(within(0.1, 10.0))]


class ShellRecipe(Configuration):
    """A shell of another crystal around each particle's core; its thickness is drawn uniformly.

    The core has the shape of the particle, and its radius is less by ``thickness_nm``. Axes of both crystals are
    parallel. The ``lattice`` is the shell's ``own``, or that of the ``core``, strained to it as thin shells are.
    """

    crystal: Crystal
    thickness_nm: ShellThickness
    lattice: Literal["own", "core"] = "own"

    @property
    def thickness(self) -> tuple[float, float]:
        """Least and greatest thickness [A]."""
        return in_angstrom(self.thickness_nm)


def require_shell(shell: ShellRecipe, core: Crystal, shape: str, radius: float, faults: int) -> None:
    """Refuse a shell that a particle can't have.

    Parameters
    ----------
    shell : ShellRecipe
        The shell.
    core : Crystal
        Crystal of the core.
    shape : str
        Shape of the particle.
    radius : float
        Least radius of the whole particle [A].
    faults : int
        Planar faults that it may have.

    Raises
    ------
    InputError
        If the shell leaves no core, takes the lattice of another structure, or the particle is twinned or faulted.
    """
    most = radius - LEAST_CORE
    if shell.thickness[1] > most:
        raise InputError(
            f"a shell of {shell.thickness_nm.maximum:g} nm leaves no core in particles of radius "
            f"{radius / ANGSTROM_PER_NM:g} nm (radius_nm is that of the whole particle); give a shell.thickness_nm of "
            f"at most {max(most, 0.0) / ANGSTROM_PER_NM:.3g}, or larger particles"
        )
    if shape in ("decahedron", "icosahedron") or faults:
        raise InputError(
            "a shell goes around cores that are single crystals without faults; choose shape 'sphere' or 'wulff' "
            "and leave stacking_faults and twins out, or leave shell out"
        )
    if shell.lattice == "core" and not same_structure(core, shell.crystal):
        raise InputError(
            f"{shell.crystal.name} can't take the lattice of {core.name}, whose structure is another; leave "
            "shell.lattice out"
        )


def grown_on(shell: ShellRecipe, core: Crystal) -> Crystal:
    """Return the crystal of a shell, in the lattice that it has on a core."""
    if shell.lattice == "own":
        return shell.crystal
    return shell.crystal.model_copy(update={"lattice": core.lattice})


def clear_of(
    numbers: NDArray[np.int64],
    positions: NDArray[np.float64],
    core_numbers: NDArray[np.int64],
    core_positions: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """Whether atoms of a shell keep their distance from all atoms of the core.

    Parameters
    ----------
    numbers, positions : ndarray (atoms,), (atoms, 3)
        Of the shell; positions in angstrom.
    core_numbers, core_positions : ndarray (n,), (n, 3)
        Of the core.

    Returns
    -------
    ndarray (atoms,)
        False where an atom lies nearer than 0.8 times the sum of the covalent radii.
    """
    reach = 2 * _CONTACT * float(covalent_radii[np.concatenate([numbers, core_numbers])].max())
    near = cKDTree(positions).sparse_distance_matrix(cKDTree(core_positions), reach, output_type="ndarray")
    least = _CONTACT * (covalent_radii[numbers[near["i"]]] + covalent_radii[core_numbers[near["j"]]])
    clear = np.ones(len(numbers), dtype=bool)
    clear[near["i"][near["v"] < least]] = False
    return clear
