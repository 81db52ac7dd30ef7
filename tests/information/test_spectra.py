"""Object spectra against the scattering factors of single atoms, and averages over specimens."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from abtem.parametrizations import LobatoParametrization
from ase import Atoms
from hypothesis import given
from hypothesis import strategies as st

from temshift.core.electrons import POTENTIAL_FACTOR, interaction_constant
from temshift.core.grids import Grid
from temshift.exitwaves.masks import outline_mask
from temshift.exitwaves.settings import ExitWaveSettings
from temshift.information.objects.specimen_spectra import ObjectSpectra, average_spectra, measure_specimen, ring_edges

SETTINGS = ExitWaveSettings.model_validate({"energy_kev": 300, "sampling_angstrom": 0.2, "slice_thickness_angstrom": 2})
HIGHEST = 0.7


def specimen(particle: str, substrate: str, cell: tuple[float, float, float] = (16.0, 12.8, 30.0)) -> Atoms:
    """One atom of a particle above one of the substrate."""
    atoms = Atoms([particle, substrate], [[3.1, 4.7, 22.0], [9.9, 8.3, 5.0]], cell=cell)
    atoms.arrays["particle"] = np.array([0, -1], dtype=np.int16)
    return atoms


def ring_mean_of_atom(symbol: str, grid: Grid, low: float, high: float) -> float:
    """Mean of |sigma K f_e(q)|^2 / area over the frequencies of a ring, one after the other."""
    factor = LobatoParametrization().scattering_factor(symbol)
    scale = interaction_constant(300e3) * POTENTIAL_FACTOR
    height, width = grid.extent
    found = []
    for m in range(-20, 21):
        for n in range(-20, 21):
            q = math.hypot(m / height, n / width)
            if low <= q < high:
                found.append((scale * float(factor(np.array([q**2]))[0])) ** 2 / (height * width))
    return float(np.mean(found))


@pytest.mark.parametrize(("particle", "substrate"), [("Cd", "C"), ("C", "Se")])
def test_one_atom_scatters_as_its_scattering_factor_says(particle: str, substrate: str) -> None:
    """Power per area of the substrate; of the particle it is divided by its share of the area."""
    atoms, grid = specimen(particle, substrate), Grid((64, 80), (0.2, 0.2))
    found = measure_specimen(atoms, SETTINGS, HIGHEST)
    edges = ring_edges(grid, HIGHEST)
    share = outline_mask(np.array([[3.1, 4.7]]), grid, atom_radius=1.0, closing_radius=2.5).mean()
    assert found.area_fraction == pytest.approx(share)
    for ring, (low, high) in enumerate(pairwise(edges)):
        assert found.substrate[ring] == pytest.approx(ring_mean_of_atom(substrate, grid, low, high), rel=0.02)
        assert found.particle[ring] * share == pytest.approx(ring_mean_of_atom(particle, grid, low, high), rel=0.02)


def test_two_atoms_in_one_place_scatter_four_times_as_much() -> None:
    """Amplitudes add in the projection, whatever the heights."""
    one = specimen("Cd", "C")
    two = one + one
    two.positions[2:, 2] += 4.0
    ratio = measure_specimen(two, SETTINGS, HIGHEST).substrate / measure_specimen(one, SETTINGS, HIGHEST).substrate
    assert ratio == pytest.approx(4.0, rel=1e-4)


def test_heights_count_upstream_from_the_exit_plane() -> None:
    found = measure_specimen(specimen("Cd", "C"), SETTINGS, HIGHEST)
    assert (found.particle_height, found.substrate_height) == pytest.approx((8.0, 25.0))


@given(st.integers(16, 200), st.integers(16, 200), st.floats(0.1, 1.2))
def test_rings_hold_frequencies_and_reach_the_end_of_the_band(rows: int, columns: int, highest: float) -> None:
    """Also where the sides of the cell differ; the mean of the object (q = 0) belongs to none."""
    grid = Grid((rows, columns), (0.4, 0.4))
    edges = ring_edges(grid, highest)
    qy, qx = grid.frequencies()
    q = np.hypot(qy, qx)
    inside = highest <= grid.nyquist
    counts = np.histogram(q, edges)[0]
    assert edges[0] > 0 and edges[-1] >= highest * (1 - 1e-9)
    assert np.diff(edges) == pytest.approx(grid.frequency_step)
    assert not inside or (counts > 0).all()


def test_the_spectrum_is_given_at_the_middle_of_the_rings() -> None:
    found = measure_specimen(specimen("Cd", "C"), SETTINGS, HIGHEST)
    assert found.q == pytest.approx(np.arange(1, len(found.q) + 1) / 12.8)
    assert np.isfinite(found.particle).all() and np.isfinite(found.substrate).all()


def test_a_specimen_without_particle_is_refused() -> None:
    atoms = specimen("Cd", "C")
    with pytest.raises(ValueError, match="without particle has no spectrum"):
        measure_specimen(atoms[atoms.arrays["particle"] != 0], SETTINGS, HIGHEST)


def test_vacuum_scatters_nothing_beside_the_particle() -> None:
    atoms = specimen("Cd", "C")
    both, alone = (
        measure_specimen(atoms, SETTINGS, HIGHEST),
        measure_specimen(atoms[atoms.arrays["particle"] >= 0], SETTINGS, HIGHEST),
    )
    assert alone.particle == pytest.approx(both.particle)
    assert not alone.substrate.any()
    assert alone.substrate_height == alone.particle_height == both.particle_height


def spectra(fraction: float, level: float, heights: tuple[float, float]) -> ObjectSpectra:
    q = np.array([0.1, 0.2])
    return ObjectSpectra(q, np.array([level, 2 * level]), np.array([3 * level, level]), *heights, fraction)


def test_particles_count_by_their_area_and_substrates_alike() -> None:
    """Total particle power 0.1 * 1 + 0.3 * 5 over a total share of 0.4; heights likewise."""
    mean = average_spectra([spectra(0.1, 1.0, (10.0, 40.0)), spectra(0.3, 5.0, (20.0, 60.0))])
    assert mean.particle == pytest.approx([1.6 / 0.4, 3.2 / 0.4])
    assert mean.substrate == pytest.approx([9.0, 3.0])
    assert (mean.particle_height, mean.substrate_height) == pytest.approx((7.0 / 0.4, 50.0))
    assert mean.area_fraction == pytest.approx(0.2)


def test_a_specimen_is_its_own_average() -> None:
    one = measure_specimen(specimen("Cd", "C"), SETTINGS, HIGHEST)
    for count in (1, 3):
        mean = average_spectra(iter([replace(one)] * count))
        assert mean.particle == pytest.approx(one.particle)
        assert mean.particle_height == pytest.approx(one.particle_height)


def test_no_spectra_have_no_average() -> None:
    with pytest.raises(ValueError, match="at least one"):
        average_spectra([])
