"""Thermal displacements: their statistics, and what they leave alone."""

import numpy as np
import pytest
from ase import Atoms
from ase.data import chemical_symbols
from scipy import stats

from temshift.core.errors import InputError
from temshift.exitwaves.settings import Phonons
from temshift.exitwaves.thermal import displaced, displacements_of

NUMBERS = np.repeat([6, 34, 48], 20_000)
RMS = {"C": 0.05, "Se": 0.08, "Cd": 0.11}
POSITIONS = np.random.default_rng(9).uniform(0, 50, (len(NUMBERS), 3))


def shifts(seed: int = 0, rms: dict[str, float] = RMS) -> np.ndarray:
    each = np.array([rms[chemical_symbols[number]] for number in NUMBERS])
    return displaced(POSITIONS, each, np.random.default_rng(seed)) - POSITIONS


@pytest.mark.parametrize(("number", "symbol"), [(6, "C"), (34, "Se"), (48, "Cd")])
def test_each_element_moves_by_its_own_rms_along_each_axis(number: int, symbol: str) -> None:
    """20,000 draws fix a standard deviation to 0.5 %; the bound is four times that."""
    found = shifts()[number == NUMBERS]
    assert np.sqrt(np.mean(found**2, axis=0)) == pytest.approx(RMS[symbol], rel=0.02)
    assert np.abs(found.mean(axis=0)).max() < 4 * RMS[symbol] / np.sqrt(20_000)


def test_displacements_are_normal_and_independent_along_the_axes() -> None:
    scaled = shifts()[NUMBERS == 6] / RMS["C"]
    assert min(stats.kstest(axis, "norm").pvalue for axis in scaled.T) > 1e-3
    assert np.abs(np.corrcoef(scaled.T) - np.eye(3)).max() < 4 / np.sqrt(20_000)


def test_neighbours_move_independently() -> None:
    along_x = shifts()[NUMBERS == 6, 0]
    assert abs(np.corrcoef(along_x[1:], along_x[:-1])[0, 1]) < 4 / np.sqrt(20_000)


def test_an_element_at_rest_stays_and_lets_the_others_move_as_before() -> None:
    still = shifts(rms={**RMS, "Se": 0.0})
    assert np.all(still[NUMBERS == 34] == 0)
    assert np.array_equal(still[NUMBERS != 34], shifts()[NUMBERS != 34])


def test_a_missing_element_is_named() -> None:
    with pytest.raises(InputError, match="lacks Cd, Se"):
        displacements_of(two_crystals(), Phonons(rms_displacement_angstrom={"C": 0.1}))


def test_a_crystals_own_displacement_goes_before_the_elements() -> None:
    given = {"C": 0.05, "Se": 0.08, "Cd": 0.11, "CdSe.Se": 0.07}
    found = displacements_of(two_crystals(), Phonons(rms_displacement_angstrom=given))
    assert found.tolist() == [0.05, 0.11, 0.07, 0.08]


def test_no_displacements_leave_every_atom_at_rest() -> None:
    assert displacements_of(two_crystals(), Phonons()).tolist() == [0.0] * 4


def two_crystals() -> Atoms:
    """One carbon atom, two of a CdSe particle and one of a ZnSe particle."""
    atoms = Atoms([6, 48, 34, 34], np.eye(4, 3))
    atoms.arrays["particle"] = np.array([-1, 0, 0, 1], dtype=np.int16)
    atoms.info["particles"] = [{"crystal": "CdSe"}, {"crystal": "ZnSe"}]
    return atoms


def test_the_generator_alone_decides() -> None:
    assert np.array_equal(shifts(4), shifts(4))
    assert not np.array_equal(shifts(4), shifts(5))


def test_arguments_are_left_alone() -> None:
    positions = POSITIONS.copy()
    displaced(positions, np.full(len(positions), 0.1), np.random.default_rng(0))
    assert np.array_equal(positions, POSITIONS)
