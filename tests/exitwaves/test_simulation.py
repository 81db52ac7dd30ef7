"""Simulation of specimens: seeds, phonons, masks and geometry against direct computation."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from ase import Atoms

from temshift.core.errors import InputError
from temshift.core.grids import Grid
from temshift.core.seeds import Stage, generator
from temshift.exitwaves.downsampling import downsampled
from temshift.exitwaves.focus import minimum_contrast_height
from temshift.exitwaves.masks import disc_coverage, outline_mask, phase_mask
from temshift.exitwaves.multislice import Multislice, fresnel_propagator, propagate_through
from temshift.exitwaves.settings import ExitWaveSettings
from temshift.exitwaves.simulation import FOCUS_MARGIN, ExitWave, grid_of, simulate
from temshift.exitwaves.thermal import displaced
from temshift.specimens import SpecimenRecipe, build_specimen

RMS = {"C": 0.09, "Cd": 0.12}
GRID = Grid((40, 32), (0.4, 0.4))
RECIPE = SpecimenRecipe.model_validate(
    {
        "cell_nm": (3.2, 3.2),
        "substrate": {"density_g_per_cm3": 2.0, "minimum_distance_angstrom": 1.4, "thickness_nm": 0.6},
        "particles": {"crystal": "CdSe", "radius_nm": 1.2, "count": 1, "gap_nm": 0.5},
    }
)


def specimen(seed: int = 0) -> Atoms:
    """Carbon below two clumps of cadmium, in a cell of 12.8 A x 16 A x 20 A."""
    draws = np.random.default_rng(seed)
    carbon = draws.uniform(0, 1, (50, 3)) * (12.8, 16.0, 8.0) + (0, 0, 2)
    clumps = [draws.normal(0, 0.8, (12, 3)) + center for center in ((4.0, 4.0, 13.0), (9.0, 11.0, 15.0))]
    atoms = Atoms([6] * 50 + [48] * 24, np.concatenate([carbon, *clumps]), cell=[12.8, 16.0, 20.0], pbc=(1, 1, 0))
    atoms.arrays["particle"] = np.repeat([-1, 0, 1], [50, 12, 12]).astype(np.int16)
    atoms.info["substrate_thickness_angstrom"] = 8.0
    atoms.info["particles"] = [
        {"center_xy_angstrom": [4.0, 4.0], "radius_angstrom": 1.0},
        {"center_xy_angstrom": [12.0, 2.0], "radius_angstrom": 1.0},
    ]
    return atoms


def settings_with(configurations: int = 1, rms: dict[str, float] | None = None, **mask: object) -> ExitWaveSettings:
    return ExitWaveSettings.model_validate(
        {
            "energy_kev": 300,
            "sampling_angstrom": 0.4,
            "slice_thickness_angstrom": 2.0,
            "phonons": {"configurations": configurations, "rms_displacement_angstrom": rms or {}},
            "mask": mask,
        }
    )


def direct_wave(atoms: Atoms, positions: np.ndarray, chosen: np.ndarray) -> torch.Tensor:
    return propagate_through(positions[chosen], atoms.numbers[chosen], 20.0, GRID, Multislice(300e3, 2.0))


def moved(atoms: Atoms, root: int, index: int, configuration: int) -> np.ndarray:
    rms = np.where(atoms.numbers == 6, RMS["C"], RMS["Cd"])
    return displaced(atoms.positions, rms, generator(root, Stage.PHONON, index, configuration))


def test_the_grid_covers_the_cell_with_x_last() -> None:
    grid = grid_of(specimen(), settings_with())
    assert grid.shape == (40, 32)
    assert grid.extent == pytest.approx((16.0, 12.8))


def test_atoms_at_rest_give_the_wave_of_their_positions() -> None:
    atoms = specimen()
    found = simulate(atoms, settings_with(), 1, 0).waves
    assert torch.equal(found[0], direct_wave(atoms, atoms.positions, np.ones(len(atoms), dtype=bool)))


def test_configuration_k_draws_from_root_index_and_k_alone() -> None:
    atoms, everything = specimen(), np.ones(74, dtype=bool)
    three = simulate(atoms, settings_with(3, RMS), 7, 5).waves
    for k in range(3):
        assert torch.equal(three[k], direct_wave(atoms, moved(atoms, 7, 5, k), everything))
    assert torch.equal(simulate(atoms, settings_with(1, RMS), 7, 5).waves[0], three[0])
    for root, index in ((7, 6), (8, 5)):
        assert not torch.allclose(simulate(atoms, settings_with(1, RMS), root, index).waves[0], three[0], atol=1e-3)


def test_atoms_move_as_their_crystal_asks() -> None:
    """Cadmium of the first particle's crystal moves less than that of the other."""
    atoms = specimen()
    atoms.info["particles"] = [
        {**facts, "crystal": name} for facts, name in zip(atoms.info["particles"], "AB", strict=True)
    ]
    found = simulate(atoms, settings_with(2, {**RMS, "A.Cd": 0.03}), 7, 5).waves[1]
    rms = np.repeat([RMS["C"], 0.03, RMS["Cd"]], [50, 12, 12])
    positions = displaced(atoms.positions, rms, generator(7, Stage.PHONON, 5, 1))
    assert torch.equal(found, direct_wave(atoms, positions, np.ones(74, dtype=bool)))


def test_particles_alone_move_as_they_do_in_the_whole_specimen() -> None:
    """The phase mask against one from independently displaced particles."""
    atoms = specimen()
    particles = atoms.arrays["particle"] >= 0
    rules = {"phase_threshold_rad": 0.2, "blur_sigma_angstrom": 0.8}
    found = simulate(atoms, settings_with(3, RMS, definition="phase", **rules), 7, 5).mask
    waves = torch.stack([direct_wave(atoms, moved(atoms, 7, 5, k), particles) for k in range(3)])
    expected = phase_mask(waves, GRID, threshold=0.2, blur_sigma=0.8)
    assert np.array_equal(found, expected)
    assert 0.02 < expected.mean() < 0.5
    alone = torch.stack(
        [direct_wave(atoms[particles], moved(atoms[particles], 7, 5, k), slice(None)) for k in range(3)]
    )
    assert not torch.allclose(alone, waves, atol=1e-3)


def test_frozen_phonons_average_to_the_debye_waller_factor() -> None:
    """The mean of exp(2 pi i q u) over a normal u of rms s is exp(-2 pi^2 s^2 q^2); a weak atom scatters linearly."""
    s = 0.15
    atoms = specimen()[:1]
    atoms.info = {"substrate_thickness_angstrom": 0.0, "particles": []}
    mean = simulate(atoms, settings_with(400, {"C": s}), 3, 0).waves.to(torch.complex128).mean(dim=0)
    still = simulate(atoms, settings_with(), 3, 0).waves[0].to(torch.complex128)
    qy, qx = GRID.frequencies()
    q2 = qx**2 + qy**2
    ratio = (torch.fft.fft2(mean - 1) / torch.fft.fft2(still - 1)).numpy()
    for low, high in ((0.3, 0.4), (0.5, 0.6), (0.7, 0.8)):
        ring = (q2 >= low**2) & (q2 < high**2)
        expected = np.exp(-2 * math.pi**2 * s**2 * q2[ring]).mean()
        assert ratio[ring].mean().real == pytest.approx(expected, abs=0.02)


def test_geometry_is_what_the_atoms_say() -> None:
    atoms = specimen()
    found = simulate(atoms, settings_with(atom_radius_angstrom=1.2, closing_radius_angstrom=1.0), 0, 0)
    particle = atoms.arrays["particle"] >= 0
    facts = found.geometry
    assert facts["exit_plane_angstrom"] == 20.0
    assert facts["particle_height_angstrom"] == pytest.approx(np.mean(20.0 - atoms.positions[particle, 2]))
    assert facts["substrate_height_angstrom"] == pytest.approx(np.mean(20.0 - atoms.positions[~particle, 2]))
    assert facts["substrate_height_angstrom"] > facts["particle_height_angstrom"] > 0
    silhouette = outline_mask(atoms.positions[particle, :2], GRID, atom_radius=1.2, closing_radius=1.0)
    assert np.array_equal(found.mask, silhouette)
    assert facts["area_fraction"] == facts["mask_fraction"] == silhouette.mean()
    assert facts["coverage"] == [1.0, 0.0]


def test_the_area_fraction_is_the_outlines_whatever_the_mask_is() -> None:
    ours, phase = (simulate(specimen(), settings_with(definition=kind), 0, 0).geometry for kind in ("outline", "phase"))
    assert phase["area_fraction"] == ours["area_fraction"]
    assert phase["mask_fraction"] != ours["mask_fraction"]


def test_a_specimen_without_particles_has_no_height_and_an_empty_mask() -> None:
    atoms = specimen()[:50]
    atoms.info = {"substrate_thickness_angstrom": 8.0, "particles": []}
    found = simulate(atoms, settings_with(), 0, 0)
    assert found.geometry["particle_height_angstrom"] is None
    assert (found.geometry["area_fraction"], found.geometry["coverage"]) == (0.0, [])
    assert not found.mask.any()


def focused_on(focus: str, **others: object) -> ExitWave:
    settings = settings_with(definition="phase", **others).model_copy(update={"focus": focus})
    return simulate(specimen(), settings, 0, 0)


def test_waves_are_stored_at_the_plane_that_defocus_counts_from() -> None:
    exit_plane, calibrated = focused_on("exit_plane"), focused_on("minimum_contrast")
    height = calibrated.geometry["focus_height_angstrom"]
    assert -FOCUS_MARGIN < height < 20
    assert height != 0
    onward = fresnel_propagator(GRID, 300e3, height, dtype=torch.complex64)
    assert torch.allclose(torch.fft.ifft2(torch.fft.fft2(calibrated.waves) * onward), exit_plane.waves, atol=1e-5)
    for key in ("particle_height_angstrom", "substrate_height_angstrom"):
        assert calibrated.geometry[key] == pytest.approx(exit_plane.geometry[key] - height)
    assert np.array_equal(calibrated.mask, exit_plane.mask)


def test_a_particle_without_mask_is_told() -> None:
    assert simulate(specimen(), settings_with(), 0, 0).geometry["warnings"] == ["particle 1 has no mask"]


def test_waves_are_stored_on_the_pixels_asked_for_and_masks_with_them() -> None:
    settings = settings_with(2, RMS, definition="phase").model_copy(
        update={"sampling_angstrom": 0.2, "stored_sampling_angstrom": 0.4}
    )
    found = simulate(specimen(), settings, 0, 0)
    assert found.waves.shape == (2, *GRID.shape)
    assert found.mask.shape == GRID.shape


def test_particles_alone_look_the_same_on_the_stored_grid() -> None:
    """Phase masks to a pixel in 500 and the plane of least contrast to 1 A do not need the finer grid."""
    atoms = build_specimen(RECIPE, 1, 0)
    pixels = {"sampling_angstrom": 0.1, "stored_sampling_angstrom": 0.2, "focus": "minimum_contrast"}
    found = simulate(atoms, settings_with(definition="phase").model_copy(update=pixels), 0, 0)
    height, particle = float(atoms.cell.lengths()[2]), atoms[atoms.arrays["particle"] >= 0]
    fine, stored = Grid.covering((32.0, 32.0), 0.1), Grid.covering((32.0, 32.0), 0.2)
    wave = propagate_through(particle.positions, particle.numbers, height, fine, Multislice(300e3, 2.0))
    mask = phase_mask(wave[None], fine, threshold=math.pi / 16, blur_sigma=1.6)[::2, ::2]
    assert (mask != found.mask).mean() < 0.002 < mask.mean() / 10
    least = minimum_contrast_height(downsampled(wave, stored.shape)[None], stored, 300e3, (-10.0, 40.0))
    assert found.geometry["focus_height_angstrom"] == pytest.approx(least, abs=1.0)


UNSOUND: dict[str, Callable[[Atoms], object]] = {
    "1 of 74 atoms .3. have positions that are not numbers; mend": lambda atoms: put(atoms, 3, (1.0, math.nan, 2.0)),
    "1 of 74 atoms .3. lie outside the cell; wrap": lambda atoms: put(atoms, 3, (1.0, 16.5, 2.0)),
    "2 of 74 atoms .3, 4. lie within .* remove one": lambda atoms: put(atoms, 3, atoms.positions[4]),
    "1 of 74 atoms .0. are of an unknown element; elements 1": lambda atoms: renumber(atoms, 0, 99),
    "not orthogonal along x, y and z; cut": lambda atoms: atoms.set_cell([[12.8, 0, 0], [2, 16, 0], [0, 0, 20]]),
    "the cell has no volume; give": lambda atoms: atoms.set_cell([12.8, 16, 0]),
}


def test_atoms_without_labels_are_refused() -> None:
    bare = Atoms("Cd", [[1.0, 1.0, 1.0]], cell=[12.8, 16, 20])
    with pytest.raises(InputError, match="specimen 2: the atoms do not tell which .* FileRecipe"):
        simulate(bare, settings_with(), 0, 2)


def put(atoms: Atoms, which: int, position: Sequence[float]) -> None:
    atoms.positions[which] = position


def renumber(atoms: Atoms, which: int, number: int) -> None:
    atoms.numbers[which] = number


@pytest.mark.parametrize("fault", UNSOUND)
def test_unsound_atoms_are_refused_before_anything_is_computed(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    computed = []
    monkeypatch.setattr("temshift.exitwaves.simulation.propagate_through", lambda *given, **_: computed.append(given))
    atoms = specimen()
    UNSOUND[fault](atoms)
    with pytest.raises(InputError, match=f"^specimen 4: .*{fault}"):
        simulate(atoms, settings_with(), 0, 4)
    assert not computed


def test_atoms_are_left_alone() -> None:
    atoms, untouched = specimen(), specimen()
    simulate(atoms, settings_with(2, RMS, definition="phase"), 0, 0)
    assert np.array_equal(atoms.positions, untouched.positions)


def test_an_element_without_displacement_is_refused() -> None:
    with pytest.raises(InputError, match="lacks Cd"):
        simulate(specimen(), settings_with(1, {"C": 0.1}), 0, 0)


@pytest.mark.slow
def test_a_thick_crystal_along_its_axis_has_a_mask_without_holes() -> None:
    """Columns of iron 5 nm long advance the wave past pi; phases up to pi alone leave the middle without a mask."""
    particles = {"crystal": "Fe", "radius_nm": 2.5, "count": 1, "gap_nm": 0.5}
    recipe = SpecimenRecipe.model_validate(
        {
            "cell_nm": (6.0, 6.0),
            "substrate": {"thickness_nm": 0.5},
            "particles": {**particles, "orientation": {"zone_axis": (1, 0, 0), "spread_deg": 0}},
        }
    )
    settings = ExitWaveSettings.model_validate(
        {"energy_kev": 300, "sampling_angstrom": 0.2, "slice_thickness_angstrom": 2.0, "mask": {"definition": "phase"}}
    )
    atoms = build_specimen(recipe, 1, 0)
    found = simulate(atoms, settings, 1, 0)
    facts = atoms.info["particles"][0]
    middle = 0.75 * facts["radius_angstrom"]
    assert disc_coverage(found.mask, facts["center_xy_angstrom"], middle, grid_of(atoms, settings)) == 1.0


def damped_settings(rms: dict[str, float], **others: object) -> ExitWaveSettings:
    given = settings_with().model_dump()
    return ExitWaveSettings.model_validate(
        given | {"phonons": {"treatment": "damped", "rms_displacement_angstrom": rms}} | others
    )


def test_damped_potentials_give_one_wave_that_no_seed_changes() -> None:
    atoms = specimen()
    first, other = (simulate(atoms, damped_settings(RMS), root, 5).waves for root in (7, 8))
    assert first.shape == (1, 40, 32) and torch.equal(first, other)
    still = simulate(atoms, damped_settings({"C": 0.0, "Cd": 0.0}), 7, 5).waves
    assert torch.equal(still, simulate(atoms, settings_with(), 7, 5).waves)


def test_damped_potentials_are_nearer_to_the_mean_image_than_many_frozen_phonons() -> None:
    """A thin specimen, 10 nm out of focus: damped, at rest and 8 configurations, against 256 others."""
    atoms = specimen()
    back = fresnel_propagator(GRID, 300e3, 100.0, dtype=torch.complex64)

    def image(settings: ExitWaveSettings, root: int) -> torch.Tensor:
        waves = simulate(atoms, settings, root, 0).waves
        return torch.fft.ifft2(torch.fft.fft2(waves) * back).abs().square().mean(dim=0)

    truth = image(settings_with(256, RMS), 1)
    errors = [
        float((image(settings, 2) - truth).std() / truth.std())
        for settings in (damped_settings(RMS), settings_with(), settings_with(8, RMS))
    ]
    assert errors[0] < 0.5 * min(errors[1:])


def test_damped_potentials_move_as_their_crystal_asks() -> None:
    """Cadmium of the first particle's crystal moves less than that of the other."""
    atoms = specimen()
    atoms.info["particles"] = [
        {**facts, "crystal": name} for facts, name in zip(atoms.info["particles"], "AB", strict=True)
    ]
    found = simulate(atoms, damped_settings({**RMS, "A.Cd": 0.03}), 7, 5).waves[0]
    rms = np.repeat([RMS["C"], 0.03, RMS["Cd"]], [50, 12, 12])
    direct = propagate_through(atoms.positions, atoms.numbers, 20.0, GRID, Multislice(300e3, 2.0), rms=rms)
    assert torch.equal(found, direct)


def test_the_phase_mask_of_damped_potentials_is_that_of_the_particles_alone() -> None:
    atoms = specimen()
    particles = atoms.arrays["particle"] >= 0
    rules = {"definition": "phase", "phase_threshold_rad": 0.2, "blur_sigma_angstrom": 0.8}
    found = simulate(atoms, damped_settings(RMS, mask=rules), 7, 5).mask
    rms = np.full(particles.sum(), RMS["Cd"])
    alone = propagate_through(
        atoms.positions[particles], atoms.numbers[particles], 20.0, GRID, Multislice(300e3, 2.0), rms=rms
    )
    assert np.array_equal(found, phase_mask(alone[None], GRID, threshold=0.2, blur_sigma=0.8))
