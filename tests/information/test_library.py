"""Libraries of particle instances: against whole specimens, against real space, and against themselves."""

import math
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, make_supercell

from temshift.core.errors import DamagedError, InputError
from temshift.exitwaves.potentials import projected_phase
from temshift.exitwaves.settings import ExitWaveSettings
from temshift.exitwaves.simulation import grid_of, particles_of
from temshift.information import ObjectLibrary, join_libraries, measure_instances, measure_specimen
from temshift.information.objects.library_files import read_library, write_library
from temshift.information.objects.specimen_spectra import average_spectra, ring_edges
from temshift.specimens import amorphous_carbon
from temshift.storage.records import write_record

SETTINGS = ExitWaveSettings.model_validate({"energy_kev": 300, "sampling_angstrom": 0.2, "slice_thickness_angstrom": 2})
HIGHEST = 1.0


def sphere(radius: float, center: tuple[float, float, float], symbol: str = "Au") -> Atoms:
    """Atoms of gold, or others, around a centre."""
    crystal = make_supercell(bulk(symbol, cubic=True), np.diag([8, 8, 8]))
    crystal.positions -= crystal.positions.mean(axis=0)
    inside = crystal[np.linalg.norm(crystal.positions, axis=1) < radius]
    inside.positions += np.array(center)
    return inside


def specimen(*radii: float, side: float = 40.0, film: float = 0.0, seed: int = 0, symbol: str = "Au") -> Atoms:
    """Spheres of gold, or others, in a row, alone or above a film of carbon."""
    step = side / len(radii)
    particles = [
        sphere(radius, (step * (number + 0.5), side / 2, film + 20.0), symbol) for number, radius in enumerate(radii)
    ]
    atoms = sum(particles, Atoms(cell=[side, side, film + 40.0]))
    numbers = np.repeat(np.arange(len(radii)), [len(one) for one in particles])
    if film:
        carbon = amorphous_carbon((side, side), film, 2.0, 1.4, np.random.default_rng(seed))
        atoms += Atoms(f"C{len(carbon)}", carbon)
        numbers = np.append(numbers, np.full(len(carbon), -1))
        atoms.info["substrate_thickness_angstrom"] = film
    atoms.arrays["particle"] = numbers.astype(np.int16)
    return atoms


def assert_same(one: ObjectLibrary, other: ObjectLibrary, rel: float = 1e-12) -> None:
    for field in fields(ObjectLibrary):
        np.testing.assert_allclose(getattr(one, field.name), getattr(other, field.name), rtol=rel, err_msg=field.name)


@pytest.mark.parametrize("film", [0.0, 20.0])
def test_one_isolated_particle_is_the_specimen_s_spectrum(film: float) -> None:
    """Of a weak particle, whose phase part is its phase and whose amplitude part is small."""
    atoms = specimen(6.0, film=film, symbol="C")
    library, whole = measure_instances(atoms, SETTINGS, HIGHEST), measure_specimen(atoms, SETTINGS, HIGHEST)
    for field in fields(type(whole)):
        told, expected = getattr(library.mean, field.name), getattr(whole, field.name)
        np.testing.assert_allclose(told, expected, rtol=0.1, atol=2e-3 * np.max(expected))
    assert library.area[0] == pytest.approx(whole.area_fraction * 1600)
    assert library.amplitude.sum() < 0.05 * library.particle.sum()


def test_particles_of_one_specimen_are_measured_apart() -> None:
    """Each as if it were alone in the cell, wherever it lies."""
    both = measure_instances(specimen(6.0, 9.0), SETTINGS, HIGHEST)
    alone = join_libraries(measure_instances(specimen(radius), SETTINGS, HIGHEST) for radius in (6.0, 9.0))
    assert both.particle == pytest.approx(alone.particle, rel=1e-3)  # the deposit of atoms, up to 0.8 of its pixels
    assert both.area == pytest.approx(alone.area, rel=0.05)  # silhouettes count whole pixels
    assert (both.specimens, alone.specimens) == (1, 2)
    assert both.area_fraction == pytest.approx(2 * alone.area_fraction, rel=0.05)


def test_all_power_is_that_of_the_wave_in_real_space() -> None:
    """Parseval: over all frequencies a power adds up to the integral of its part of the wave, squared."""
    atoms, fine = specimen(8.0), SETTINGS.model_copy(update={"sampling_angstrom": 0.1})
    grid = grid_of(atoms, fine)
    phase = projected_phase(atoms.positions, atoms.numbers, grid, fine.energy).numpy()
    edges, cell = ring_edges(grid, HIGHEST), grid.extent[0] * grid.extent[1]
    aperture = np.hypot(*grid.frequencies()) <= edges[-1]
    wave = np.fft.ifft2(np.fft.fft2(np.exp(1j * phase)) * aperture)
    dark = np.fft.ifft2(np.fft.fft2(1 - np.abs(wave) ** 2) / 2 * aperture).real  # |psi|^2 reaches twice as far
    library = measure_instances(particles_of(atoms), fine, HIGHEST)
    counts = np.histogram(np.hypot(*grid.frequencies()), edges)[0]
    parts = {"particle": (wave.imag, wave.imag), "amplitude": (dark, dark), "cross": (wave.imag, dark)}
    for name, (one, other) in parts.items():
        in_rings = (getattr(library, name)[0] * library.area[0] / cell) @ counts / cell
        assert in_rings == pytest.approx(np.mean((one - one.mean()) * (other - other.mean())), rel=0.01)


def test_strong_particles_lack_intensity_in_focus_and_more_so_behind_a_narrower_aperture() -> None:
    wide, narrow = (measure_instances(specimen(8.0), SETTINGS, highest) for highest in (1.0, 0.5))
    assert narrow.amplitude[0, 0] > 1.5 * wide.amplitude[0, 0] > 0
    assert narrow.particle[0, 0] == pytest.approx(wide.particle[0, 0], rel=0.2)


def test_power_of_a_particle_does_not_depend_on_the_cell() -> None:
    """A cell of twice the side has rings between those of the other; what bands of them hold is the same."""
    small, large = (measure_instances(specimen(8.0, side=side), SETTINGS, HIGHEST) for side in (40.0, 80.0))
    assert large.area == pytest.approx(small.area, rel=0.02)
    assert large.area_fraction == pytest.approx(small.area_fraction / 4, rel=0.02)
    for low, high in [(0.1, 0.4), (0.4, 0.6), (0.6, 0.8)]:  # between reflections at 0.49 and 0.69 / A
        fine = np.linspace(low, high, 200)
        held = [np.interp(fine, one.q, one.q * one.particle[0]).mean() for one in (small, large)]
        assert held[0] == pytest.approx(held[1], rel=0.1)  # of rings of other widths


def test_power_of_a_film_grows_in_proportion_to_its_thickness() -> None:
    """Per thickness it is the same within the speckle of films."""
    found = {
        film: join_libraries(
            measure_instances(specimen(6.0, film=film, side=60.0, seed=seed), SETTINGS, HIGHEST) for seed in range(4)
        )
        for film in (20.0, 60.0)
    }
    thin, thick = (one.substrate for one in found.values())
    rings = len(thin)
    speckle = 1 / np.sqrt(4 * np.pi * np.arange(1, rings + 1))  # half of the 2 pi k frequencies of ring k, four films
    assert (np.log(thick / thin) / speckle / math.sqrt(2))[3:].std() < 1.5
    outer = slice(rings // 3, None)
    assert np.average(thick[outer]) == pytest.approx(np.average(thin[outer]), rel=0.06)
    assert found[60.0].mean.substrate == pytest.approx(60 * thick)


def test_a_film_is_as_thick_as_it_was_built() -> None:
    """Where a specimen doesn't tell, the extent of its atoms counts."""
    atoms = specimen(6.0, film=20.0)
    told = measure_instances(atoms, SETTINGS, HIGHEST)
    del atoms.info["substrate_thickness_angstrom"]
    found = measure_instances(atoms, SETTINGS, HIGHEST)
    assert told.thickness[0] == 20.0
    assert found.thickness[0] == pytest.approx(np.ptp(atoms.positions[atoms.numbers == 6, 2]))
    assert told.mean.substrate == pytest.approx(found.mean.substrate)


def test_in_vacuum_there_is_no_film() -> None:
    library = measure_instances(specimen(6.0), SETTINGS, HIGHEST)
    assert not library.substrate.any() and not library.thickness.any()
    assert library.substrate_height == pytest.approx(library.particle_height)


def test_vacuum_takes_nothing_from_the_films_of_others() -> None:
    film, vacuum = (measure_instances(specimen(6.0, film=film), SETTINGS, HIGHEST) for film in (20.0, 0.0))
    both = join_libraries([film, vacuum])
    assert both.substrate == pytest.approx(film.substrate)
    assert both.mean.substrate == pytest.approx(film.mean.substrate / 2)


def test_heights_count_from_the_plane_of_focus() -> None:
    atoms = specimen(6.0, film=20.0)
    here, there = (measure_instances(atoms, SETTINGS, HIGHEST, height) for height in (0.0, 7.0))
    assert there.particle_height == pytest.approx(here.particle_height - 7)
    assert there.substrate_height == pytest.approx(here.substrate_height - 7)
    assert here.particle_height[0] == pytest.approx(20.0)
    assert here.substrate_height[0] == pytest.approx(50.0, abs=0.5)


def test_joining_in_groups_changes_nothing() -> None:
    each = [
        measure_instances(specimen(*radii, film=film), SETTINGS, HIGHEST)
        for radii, film in [((5.0,), 20.0), ((6.0, 7.0), 0.0), ((4.0, 5.0), 30.0)]
    ]
    assert_same(join_libraries([join_libraries(each[:2]), each[2]]), join_libraries(each))


def test_the_mean_is_that_of_specimens() -> None:
    """Particles count by their area; two specimens of one particle each have no interference between particles."""
    atoms = [specimen(5.0, film=20.0, symbol="C"), specimen(7.0, film=30.0, symbol="C")]
    mean = join_libraries(measure_instances(one, SETTINGS, HIGHEST) for one in atoms).mean
    whole = average_spectra(measure_specimen(one, SETTINGS, HIGHEST) for one in atoms)
    np.testing.assert_allclose(mean.particle, whole.particle, rtol=0.1, atol=2e-3 * whole.particle.max())
    assert (mean.particle_height, mean.area_fraction) == pytest.approx((whole.particle_height, whole.area_fraction))
    assert mean.substrate.mean() == pytest.approx(whole.substrate.mean(), rel=0.05)


def test_what_cannot_be_measured_is_refused() -> None:
    atoms = specimen(6.0, film=20.0)
    with pytest.raises(ValueError, match="without particle has no spectrum"):
        measure_instances(atoms[atoms.arrays["particle"] < 0], SETTINGS, HIGHEST)
    with pytest.raises(ValueError, match=r"highest = 3 1/A lies beyond the Nyquist frequency, 2\.5"):
        measure_instances(atoms, SETTINGS, 3.0)
    with pytest.raises(ValueError, match="at least one specimen"):
        join_libraries([])
    with pytest.raises(ValueError, match="other rings"):
        join_libraries(measure_instances(specimen(6.0, side=side), SETTINGS, HIGHEST) for side in (40.0, 50.0))


def test_a_library_is_read_as_it_was_written(tmp_path: Path) -> None:
    library = join_libraries(
        measure_instances(specimen(*r, film=20.0), SETTINGS, HIGHEST) for r in [(5.0,), (4.0, 6.0)]
    )
    write_library(tmp_path / "gold.json", library, {"seed": 3})
    found = read_library(tmp_path / "gold.json")
    powers = {name: getattr(library, name).astype(np.float32) for name in ("particle", "amplitude", "cross")}
    assert_same(found, replace(library, **powers))
    assert found.particle == pytest.approx(library.particle, rel=1e-7)
    assert len(found) == 3


def test_a_damaged_or_strange_library_is_refused(tmp_path: Path) -> None:
    write_library(tmp_path / "gold.json", measure_instances(specimen(5.0), SETTINGS, HIGHEST))
    (tmp_path / "gold.parquet").write_bytes(b"")
    with pytest.raises(DamagedError, match=r"gold\.parquet is damaged"):
        read_library(tmp_path / "gold.json")
    write_record(tmp_path / "other.json", [], {"seed": 1})
    with pytest.raises(DamagedError, match="is no object library"):
        read_library(tmp_path / "other.json")
    with pytest.raises(InputError, match="absent"):
        read_library(tmp_path / "absent.json")
