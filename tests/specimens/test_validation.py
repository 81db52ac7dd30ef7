"""Atoms that can't be simulated are refused with what is wrong and what to do."""

from collections.abc import Callable

import numpy as np
import pytest
from ase import Atoms

from temshift.core.errors import InputError
from temshift.specimens import require_sound


def sound() -> Atoms:
    return Atoms("CCAu", [[0, 0, 0], [5.0, 1.0, 9.9], [2.0, 7.9, 4.0]], cell=[6, 8, 10])


def set_position(atoms: Atoms, value: tuple[float, float, float]) -> None:
    atoms.positions[1] = value


FAULTS: dict[str, Callable[[Atoms], None]] = {
    "not numbers": lambda atoms: set_position(atoms, (1.0, np.nan, 2.0)),
    "outside the cell; wrap": lambda atoms: set_position(atoms, (6.0, 1.0, 2.0)),
    "outside the cell": lambda atoms: set_position(atoms, (1.0, 1.0, -0.1)),
    "enlarge the cell along z": lambda atoms: set_position(atoms, (1.0, 1.0, 10.1)),
    "remove one of each two": lambda atoms: set_position(atoms, (5.9, 7.9, 0.1)),
    "unknown element": lambda atoms: atoms.set_atomic_numbers([6, 93, 6]),
    "elements 1 .H. to 92": lambda atoms: atoms.set_atomic_numbers([6, 0, 6]),
    "no volume": lambda atoms: atoms.set_cell([6, 8, 0]),
    "not orthogonal": lambda atoms: atoms.set_cell([[6, 0, 0], [1, 8, 0], [0, 0, 10]]),
}


def test_sound_atoms_pass_whether_or_not_periodic_images_touch_along_the_beam() -> None:
    atoms = sound()
    atoms.positions[1] = (0.0, 0.0, 10.0)
    require_sound(sound(), "one")
    require_sound(atoms, "one")
    require_sound(Atoms(cell=[5, 5, 5]), "nothing")


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_told(fault: str) -> None:
    atoms = sound()
    FAULTS[fault](atoms)
    with pytest.raises(InputError, match=f"(?s)^file.xyz: .*{fault}"):
        require_sound(atoms, "file.xyz")
