"""Multislice against analytic truths and against abTEM."""

import math
from functools import cache

import abtem
import numpy as np
import pytest
import torch
from ase import Atoms
from hypothesis import given, settings
from hypothesis import strategies as st

from temshift.core.electrons import POTENTIAL_FACTOR, interaction_constant, wavelength
from temshift.core.grids import Grid
from temshift.exitwaves.multislice import Multislice, band_mask, fresnel_propagator, propagate_through, transmission
from temshift.exitwaves.potentials import PointAtoms
from temshift.exitwaves.projections import Projection, Slices
from temshift.exitwaves.scattering import scattering_factor
from temshift.specimens import SpecimenRecipe, build_specimen

ENERGY = 300e3
DOUBLE = {"dtype": torch.float64}
RECIPE = SpecimenRecipe.model_validate(
    {
        "cell_nm": (2.0, 2.0),
        "substrate": {"density_g_per_cm3": 2.0, "minimum_distance_angstrom": 1.4, "thickness_nm": 1.0},
        "particles": {"crystal": "CdSe", "radius_nm": 0.6, "count": 1, "gap_nm": 0.2},
    }
)


def random_atoms(count: int = 60, height: float = 16.0) -> Atoms:
    """Atoms without any symmetry in a cell whose sides differ."""
    draws = np.random.default_rng(3)
    cell = np.array([12.8, 16.0, height])
    positions = draws.uniform(0, 1, (count, 3)) * cell * (0.7, 0.5, 1.0)
    return Atoms(draws.choice([6, 34, 48], count), positions, cell=cell, pbc=True)


def wave_of(atoms: Atoms, grid: Grid, method: Multislice, **options: object) -> torch.Tensor:
    height = float(atoms.cell.lengths()[2])
    return propagate_through(atoms.positions, atoms.numbers, height, grid, method, **{**DOUBLE, **options})


def test_vacuum_leaves_a_plane_wave() -> None:
    empty = Atoms(cell=[8, 8, 20])
    wave = wave_of(empty, Grid((16, 16), (0.5, 0.5)), Multislice(ENERGY, 2.0))
    assert torch.equal(wave, torch.ones(16, 16, dtype=torch.complex128))


def test_a_transmission_function_is_the_exponential_of_the_phase() -> None:
    phases = torch.linspace(-4, 4, 24, dtype=torch.float64).view(2, 3, 4)
    assert torch.allclose(transmission(phases), torch.exp(1j * phases), atol=1e-12)


def test_energy_inside_the_band_is_conserved() -> None:
    """Propagation keeps the norm exactly; scattering loses only what leaves the band."""
    grid = Grid.covering((16.0, 12.8), 0.1)
    step = fresnel_propagator(grid, ENERGY, 10.0, dtype=torch.complex128)
    assert torch.allclose(step.abs(), torch.ones_like(step.abs()), atol=1e-12)
    wave = wave_of(random_atoms(), grid, Multislice(ENERGY, 2.0))
    assert float(wave.abs().square().mean()) == pytest.approx(1, abs=1e-2)
    assert float(wave.abs().square().mean()) <= 1 + 1e-9


def test_the_wave_stays_inside_the_band() -> None:
    grid = Grid.covering((16.0, 12.8), 0.2)
    spectrum = torch.fft.fft2(wave_of(random_atoms(), grid, Multislice(ENERGY, 2.0)))
    outside = band_mask(grid) == 0
    assert float(spectrum[outside].abs().max()) < 1e-8 * float(spectrum.abs().max())


@settings(max_examples=20)
@given(st.floats(0.5, 50), st.floats(0.5, 50))
def test_propagations_add(one: float, other: float) -> None:
    grid = Grid((8, 12), (0.4, 0.3))
    steps = [fresnel_propagator(grid, ENERGY, distance, dtype=torch.complex128) for distance in (one, other)]
    both = fresnel_propagator(grid, ENERGY, one + other, dtype=torch.complex128)
    assert torch.allclose(steps[0] * steps[1], both, atol=1e-10)


@pytest.mark.parametrize("thickness", [-2.0, 0.0, math.nan])
def test_a_thickness_that_is_not_positive_is_refused(thickness: float) -> None:
    with pytest.raises(ValueError, match="slice_thickness = .* a positive thickness"):
        wave_of(random_atoms(), Grid((8, 8), (2.0, 1.6)), Multislice(ENERGY, thickness))


def test_propagation_turns_phases_the_documented_way() -> None:
    """PROTOCOL: propagation by dz multiplies by exp(-i pi lambda dz q^2)."""
    grid = Grid((4, 10), (1.0, 1.0))
    step = fresnel_propagator(grid, ENERGY, 100.0, dtype=torch.complex128)
    expected = -math.pi * wavelength(ENERGY) * 100.0 * 0.1**2
    assert math.isclose(float(torch.angle(step[0, 1])), expected, rel_tol=1e-9)


def test_empty_slices_before_and_after_only_propagate() -> None:
    """An object at height h upstream of the exit plane equals the object at the plane, propagated by h."""
    grid = Grid((32, 32), (0.4, 0.4))
    atom = np.array([[5.0, 6.0, 10.5]])
    high = propagate_through(atom, np.array([14]), 31.0, grid, Multislice(ENERGY, 1.0), **DOUBLE)
    low = propagate_through(atom, np.array([14]), 11.0, grid, Multislice(ENERGY, 1.0), **DOUBLE)
    onward = fresnel_propagator(grid, ENERGY, 20.0, dtype=torch.complex128)
    assert torch.allclose(torch.fft.ifft2(torch.fft.fft2(low) * onward), high, atol=1e-10)


def test_configurations_go_through_together_as_they_do_alone() -> None:
    grid, atoms = Grid.covering((16.0, 12.8), 0.4), random_atoms()
    several = atoms.positions + np.random.default_rng(0).normal(0, 0.1, (3, 1, 3))
    args = (atoms.numbers, 16.0, grid, Multislice(ENERGY, 1.0))
    alone = torch.stack([propagate_through(one, *args, **DOUBLE) for one in several])
    for batch in (1, 2, 8):
        assert torch.allclose(propagate_through(several, *args, batch=batch, **DOUBLE), alone, atol=1e-10)


class ExactPhases:
    """Phases by a direct Fourier sum over atoms, each shared between the planes around it or whole in its slice."""

    def __init__(
        self,
        positions: np.ndarray,
        numbers: np.ndarray,
        slices: Slices,
        point_atoms: PointAtoms,
        projection: Projection,
        rms: None,
    ) -> None:
        self.positions, self.numbers, self.grid = positions[0], numbers, point_atoms.grid
        depth = self.positions[:, 2] / slices.thickness
        self.planes = np.arange(slices.count + (projection == "shared"))
        if projection == "shared":
            self.weights = np.clip(1 - np.abs(depth - self.planes[:, None]), 0, None)
        else:
            self.weights = (np.floor(depth) == self.planes[:, None]).astype(float)

    @property
    def occupied(self) -> list[int]:
        return [int(plane) for plane in self.planes if self.weights[plane].any()]

    def __call__(self, plane: int) -> torch.Tensor:
        qy, qx = map(torch.from_numpy, self.grid.frequencies())
        total = torch.zeros(self.grid.shape, dtype=torch.complex128)
        for number in np.unique(self.numbers):
            chosen = self.numbers == number
            x, y = torch.from_numpy(self.positions[chosen, :2].T.copy())
            along_y = torch.exp(-2j * math.pi * qy[:, :1] * y) * torch.from_numpy(self.weights[plane, chosen])
            points = along_y @ torch.exp(-2j * math.pi * qx[:1].T * x).T
            total += points * scattering_factor(int(number), qx**2 + qy**2)
        scale = interaction_constant(ENERGY) * POTENTIAL_FACTOR / self.grid.pixel_area
        return torch.fft.ifft2(total).real[None] * scale


@pytest.mark.parametrize(("sampling", "bound"), [(0.4, 1e-2), (0.2, 1e-2), (0.1, 5e-3)])
@pytest.mark.parametrize("projection", ["shared", "infinite"])
@pytest.mark.parametrize("sparse", [True, False])
def test_exit_wave_agrees_with_an_exact_deposit(
    sampling: float, bound: float, projection: Projection, sparse: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a particle on carbon, and on sparse heavy atoms, which scatter farther."""
    atoms = random_atoms() if sparse else build_specimen(RECIPE, 1, 0)
    grid = Grid.covering((16.0, 12.8) if sparse else (20.0, 20.0), sampling)
    method = Multislice(ENERGY, 2.0, projection)
    ours = wave_of(atoms, grid, method).numpy()
    monkeypatch.setattr("temshift.exitwaves.multislice.SlicePhases", ExactPhases)
    assert relative_error(ours, wave_of(atoms, grid, method).numpy()) <= bound


def test_the_band_limit_of_the_product_is_as_near_to_a_fine_grid_as_that_of_both() -> None:
    """Leaving the transmission function itself unlimited halves the transforms; it must not cost accuracy."""
    atoms, grid = build_specimen(RECIPE, 1, 0), Grid.covering((20.0, 20.0), 0.2)
    fine = aperture(wave_of(atoms, Grid.covering((20.0, 20.0), 0.05), Multislice(ENERGY, 2.0, "infinite")), 0.05)
    ours = aperture(wave_of(atoms, grid, Multislice(ENERGY, 2.0, "infinite")), 0.2)
    abtem_like = wave_of(atoms, grid, Multislice(ENERGY, 2.0, scheme="abtem"))
    entrance_to_middle = fresnel_propagator(grid, ENERGY, -1.0, dtype=torch.complex128)
    theirs = aperture(torch.fft.ifft2(torch.fft.fft2(abtem_like) * entrance_to_middle), 0.2)
    assert relative_error(ours, fine) <= relative_error(theirs, fine)


def aperture(wave: torch.Tensor, sampling: float, cutoff: float = 1.25) -> np.ndarray:
    """A wave limited to the spatial frequencies up to a cutoff [1/A] along each axis, on as few pixels as hold them."""
    kept = [math.floor(cutoff * size * sampling) for size in wave.shape]
    spectrum = np.fft.fftshift(np.fft.fft2(wave.numpy(), norm="forward"))
    middle = tuple(slice(n // 2 - k, n // 2 + k + 1) for n, k in zip(wave.shape, kept, strict=True))
    return np.fft.ifft2(np.fft.ifftshift(spectrum[middle]), norm="forward")


@pytest.mark.parametrize("sampling", [0.2, 0.1])
def test_the_abtem_scheme_repeats_abtem(sampling: float) -> None:
    atoms, grid = random_atoms(), Grid.covering((16.0, 12.8), sampling)
    ours = wave_of(atoms, grid, Multislice(ENERGY, 1.0, scheme="abtem")).numpy()
    assert relative_error(ours, abtem_wave(atoms, grid, 1.0)) <= 5e-5
    single = wave_of(atoms, grid, Multislice(ENERGY, 1.0, scheme="abtem"), dtype=torch.float32).numpy()
    assert relative_error(single, abtem_wave(atoms, grid, 1.0)) <= 5e-5


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("energy", [60e3, 80e3, 200e3, 400e3])
def test_the_abtem_scheme_repeats_abtem_at_other_energies_and_elements(energy: float, dtype: torch.dtype) -> None:
    atoms, grid = random_atoms(), Grid.covering((16.0, 12.8), 0.2)
    atoms.numbers = np.resize([1, 26, 79, 92], len(atoms))
    ours = wave_of(atoms, grid, Multislice(energy, 2.0, scheme="abtem"), dtype=dtype).numpy()
    assert relative_error(ours, abtem_wave(atoms, grid, 2.0, energy)) <= 5e-5


def test_single_precision_costs_little() -> None:
    """The bound is a hundredth of what the deposit may cost at 0.2 A."""
    atoms, grid = build_specimen(RECIPE, 1, 0), Grid.covering((20.0, 20.0), 0.2)
    double, single = (
        wave_of(atoms, grid, Multislice(ENERGY, 2.0), dtype=kind) for kind in (torch.float64, torch.float32)
    )
    assert relative_error(single.numpy(), double.numpy()) <= 1e-4


@pytest.mark.parametrize("tilt", [(5.0, 0.0), (-3.0, 8.0)])
def test_tilt_equals_leaning_columns(tilt: tuple[float, float]) -> None:
    """The specimen sheared by hand, seen in the frame that follows it to the exit plane."""
    atoms, grid = random_atoms(), Grid.covering((16.0, 12.8), 0.2)
    radians = (tilt[0] * 1e-3, tilt[1] * 1e-3)
    tilted = wave_of(atoms, grid, Multislice(ENERGY, 0.5, tilt=radians))
    leaning = atoms.copy()
    lean = np.tan(radians)
    leaning.positions[:, :2] += leaning.positions[:, 2:] * lean
    straight = wave_of(leaning, grid, Multislice(ENERGY, 0.5))
    qy, qx = map(torch.from_numpy, grid.frequencies())
    back = torch.exp(2j * math.pi * 16.0 * (qx * lean[0] + qy * lean[1]))
    expected = torch.fft.ifft2(torch.fft.fft2(straight) * back)
    upright = wave_of(atoms, grid, Multislice(ENERGY, 0.5))
    assert relative_error(aperture(tilted, 0.2), aperture(expected, 0.2)) <= 1e-2
    assert relative_error(aperture(upright, 0.2), aperture(expected, 0.2)) > 0.1


def test_tilt_agrees_with_abtem() -> None:
    """abTEM tilts the beam, we the specimen."""
    atoms, grid = random_atoms(), Grid.covering((16.0, 12.8), 0.2)
    method = Multislice(ENERGY, 1.0, tilt=(4e-3, -7e-3), scheme="abtem")
    theirs = abtem_wave(atoms, grid, 1.0, tilt=(-4.0, 7.0))
    assert relative_error(wave_of(atoms, grid, method).numpy(), theirs) <= 1e-4


def test_whole_atoms_in_thinner_slices_converge_in_first_order() -> None:
    waves = [sliced("infinite", thickness) for thickness in (4.0, 2.0, 1.0, 0.0625)]
    errors = [relative_error(wave, waves[-1]) for wave in waves[:-1]]
    assert errors[0] > 1.4 * errors[1] > 1.4**2 * errors[2]
    assert errors[0] > 3 * errors[2]


def test_sharing_atoms_between_planes_is_better_than_whole_slices() -> None:
    whole, shared, finite = (thickness_error(projection, 2.0) for projection in ("infinite", "shared", "finite"))
    assert shared < whole / 2
    assert finite < whole / 2


def thickness_error(projection: Projection, thickness: float) -> float:
    """Error of a wave in the aperture against finite projections in thin slices."""
    return relative_error(sliced(projection, thickness), sliced("finite", 0.25))


@cache
def sliced(projection: Projection, thickness: float) -> np.ndarray:
    atoms, grid = build_specimen(RECIPE, 1, 0), Grid.covering((20.0, 20.0), 0.2)
    return aperture(wave_of(atoms, grid, Multislice(ENERGY, thickness, projection)), 0.2)


@settings(max_examples=15)
@given(seed=st.integers(0, 1000), shift=st.tuples(st.integers(-15, 15), st.integers(-15, 15)))
def test_moving_the_specimen_by_whole_pixels_moves_the_wave(seed: int, shift: tuple[int, int]) -> None:
    grid = Grid((20, 24), (0.4, 0.5))
    positions, numbers = cloud(seed)
    moved = positions + (shift[1] * 0.5, shift[0] * 0.4, 0.0)
    still, then = (
        propagate_through(at, numbers, 9.0, grid, Multislice(ENERGY, 1.5), **DOUBLE) for at in (positions, moved)
    )
    assert torch.allclose(then, torch.roll(still, shift, (0, 1)), atol=1e-9)


@settings(max_examples=15)
@given(seed=st.integers(0, 1000), shift=st.tuples(st.floats(-9, 9), st.floats(-9, 9)))
def test_moving_the_specimen_by_part_of_a_pixel_moves_the_wave(seed: int, shift: tuple[float, float]) -> None:
    """The pixels hardly show: half a pixel errs by up to 1.6e-2 in 113 clouds; abTEM's deposit by 2e-2 to 5e-2."""
    grid, (positions, numbers) = Grid((45, 45), (0.2, 0.2)), cloud(seed)
    numbers = np.where(numbers == 79, 34, numbers)
    moved = positions + (shift[1], shift[0], 0.0)
    still, then = (
        propagate_through(at, numbers, 9.0, grid, Multislice(ENERGY, 1.5), **DOUBLE) for at in (positions, moved)
    )
    qy, qx = map(torch.from_numpy, grid.frequencies())
    expected = torch.fft.ifft2(torch.fft.fft2(still) * torch.exp(-2j * math.pi * (qy * shift[0] + qx * shift[1])))
    assert relative_error(aperture(then, 0.2), aperture(expected, 0.2)) <= 1.8e-2


@settings(max_examples=15)
@given(seed=st.integers(0, 1000), projection=st.sampled_from(["shared", "infinite", "finite"]))
def test_x_and_y_change_places_together(seed: int, projection: Projection) -> None:
    grid, method = Grid((20, 24), (0.45, 0.375)), Multislice(ENERGY, 1.5, projection)
    positions, numbers = cloud(seed)
    wave = propagate_through(positions, numbers, 9.0, grid, method, **DOUBLE)
    turned = Grid(grid.shape[::-1], grid.sampling[::-1])
    assert torch.allclose(
        propagate_through(positions[:, [1, 0, 2]], numbers, 9.0, turned, method, **DOUBLE), wave.T, atol=1e-9
    )


@settings(max_examples=15)
@given(
    seed=st.integers(0, 1000),
    beam_in=st.tuples(st.integers(-4, 4), st.integers(-4, 4)),
    beam_out=st.tuples(st.integers(-4, 4), st.integers(-4, 4)),
    projection=st.sampled_from(["shared", "infinite", "finite"]),
)
def test_reciprocity(seed: int, beam_in: tuple[int, int], beam_out: tuple[int, int], projection: Projection) -> None:
    """Source and detector exchange places: <k|S|k'> of a specimen is <-k'|S|-k> of it turned upside down."""
    grid, height = Grid((24, 24), (0.4, 0.4)), 9.0
    positions, numbers = cloud(seed)
    upside_down = positions * (1, 1, -1) + (0, 0, height)
    forth = amplitude(positions, numbers, grid, beam_in, beam_out, projection)
    back = amplitude(upside_down, numbers, grid, (-beam_out[0], -beam_out[1]), (-beam_in[0], -beam_in[1]), projection)
    assert abs(forth - back) < 1e-9


def amplitude(
    positions: np.ndarray,
    numbers: np.ndarray,
    grid: Grid,
    beam_in: tuple[int, int],
    beam_out: tuple[int, int],
    projection: Projection,
) -> complex:
    """How much of one plane wave at the entrance leaves as another; beams as (row, column) of the spectrum."""
    spectrum = torch.zeros(grid.shape, dtype=torch.complex128)
    spectrum[beam_in] = 1
    incident = torch.fft.ifft2(spectrum)
    method = Multislice(ENERGY, 1.5, projection)
    wave = propagate_through(positions, numbers, 9.0, grid, method, incident=incident, **DOUBLE)
    return complex(torch.fft.fft2(wave)[beam_out])


def cloud(seed: int) -> tuple[np.ndarray, np.ndarray]:
    draws = np.random.default_rng(seed)
    return draws.uniform(0, 9.0, (12, 3)), draws.choice([6, 34, 79], 12)


def abtem_wave(
    atoms: Atoms, grid: Grid, thickness: float, energy: float = ENERGY, tilt: tuple[float, float] = (0.0, 0.0)
) -> np.ndarray:
    """The exit wave of abTEM, as (y, x)."""
    with abtem.config.set({"precision": "float64"}):
        potential = abtem.Potential(
            atoms,
            gpts=grid.shape[::-1],
            slice_thickness=thickness,
            parametrization="lobato",
            projection="infinite",
        )
        wave = abtem.PlaneWave(energy=energy, tilt=tilt).multislice(potential, lazy=False)
    return np.asarray(wave.array).T


def relative_error(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.abs(one - other) ** 2) / np.mean(np.abs(other - 1) ** 2)))
