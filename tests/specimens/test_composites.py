"""Core-shell particles and random alloys."""

import math
import re

import numpy as np
import pytest

from temshift.configuration.model import ConfigurationError
from temshift.exitwaves import ExitWaveSettings
from temshift.exitwaves.settings import Phonons
from temshift.exitwaves.simulation import outline_of, particles_of
from temshift.exitwaves.thermal import displacements_of
from temshift.specimens import CRYSTALS, build_specimen, require_sound, unit_cell
from temshift.specimens.composites.alloys import mixed
from temshift.specimens.validation import require_apart

GOLD = {"crystal": "Au", "radius_nm": 1.2, "count": 1}
SHELL = {"crystal": "Ag", "thickness_nm": 0.4}


def particle(atoms):
    return atoms[atoms.arrays["particle"] == 0]


def from_center(atoms):
    """Distances of the particle's atoms from its centre [A]."""
    facts, sides = atoms.info["particles"][0], np.diag(atoms.cell)[:2]
    offsets = particle(atoms).positions - [*facts["center_xy_angstrom"], facts["center_z_angstrom"]]
    offsets[:, :2] -= np.round(offsets[:, :2] / sides) * sides
    return np.linalg.norm(offsets, axis=1)


def test_a_core_lies_within_its_shell(recipe_with):
    atoms = build_specimen(recipe_with(particles=GOLD | {"shell": SHELL}), 3, 0)
    r, inside = from_center(atoms), particle(atoms)
    shell = inside.arrays["shell"]
    assert (inside.numbers[shell] == 47).all() and (inside.numbers[~shell] == 79).all()
    assert r[~shell].max() <= 8.0 + 1e-9 < 8.0 + 1e-6 < r[shell].min() + 1e-6
    assert r[shell].max() <= 12.0 + 1e-9
    assert not atoms.arrays["shell"][atoms.arrays["particle"] < 0].any()
    facts = atoms.info["particles"][0]
    assert (facts["crystal"], facts["shell_crystal"], facts["shell_thickness_angstrom"]) == ("Au", "Ag", 4.0)
    assert facts["radius_angstrom"] == 12.0 and facts["atoms"] == len(inside)


def test_volumes_of_core_and_shell_hold_their_atoms(recipe_with):
    """4 pi / 3 of the cubes of the radii, times four atoms a cubic cell: Au and Ag have one lattice constant."""
    recipe = recipe_with(particles=GOLD | {"shell": SHELL})
    counts = np.mean(
        [np.bincount(particle(build_specimen(recipe, 3, index)).numbers, minlength=80) for index in range(12)], axis=0
    )
    density = 4 / 4.0782**3
    assert counts[79] == pytest.approx(4 / 3 * math.pi * 8.0**3 * density, rel=0.03)
    assert counts[47] == pytest.approx(4 / 3 * math.pi * (12.0**3 - 8.0**3) * density, rel=0.03)


def test_a_shell_of_the_same_lattice_goes_on_where_the_core_ends(recipe_with):
    """Every silver atom of the coherent shell lies on a site of gold's lattice."""
    whole = build_specimen(recipe_with(particles=GOLD), 3, 0)
    cored = build_specimen(recipe_with(particles=GOLD | {"shell": SHELL | {"lattice": "core"}}), 3, 0)
    assert len(particle(cored)) > 0.97 * len(particle(whole))
    distances = particle(cored).get_all_distances(mic=True)
    nearest = np.sort(distances, axis=1)[:, 1]
    assert nearest == pytest.approx(4.0782 / math.sqrt(2), abs=1e-6)


@pytest.mark.parametrize("lattice", ["own", "core"])
def test_lattices_of_shells(recipe_with, lattice):
    given = {"crystal": "CdSe", "radius_nm": 1.2, "count": 1}
    shell = {"crystal": "ZnS", "thickness_nm": 0.5, "lattice": lattice}
    for index in range(3):
        atoms = build_specimen(recipe_with(particles=given | {"shell": shell}), 3, index)
        require_sound(atoms, lattice)
        require_apart(atoms, lattice)
        inside = particle(atoms)
        assert set(inside.symbols[inside.arrays["shell"]]) == {"Zn", "S"}
        outer = inside[inside.arrays["shell"]]
        zinc = outer[outer.numbers == 30].get_all_distances(mic=True)
        wanted_a = 3.8227 if lattice == "own" else 4.2985
        first = np.sort(zinc, axis=1)[:, 1]
        assert np.median(first) == pytest.approx(wanted_a, rel=0.01)


def test_masks_hold_core_and_shell(recipe_with):
    settings = ExitWaveSettings(energy_kev=300, sampling_angstrom=0.2, slice_thickness_angstrom=2.0)
    whole, cored = (
        build_specimen(recipe_with(particles=GOLD | more), 3, 0)
        for more in ({}, {"shell": SHELL | {"lattice": "core"}})
    )
    masks = [outline_of(atoms, settings.grid((28.0, 32.0)), settings) for atoms in (whole, cored)]
    assert masks[0].mean() * 28 * 32 == pytest.approx(math.pi * 12.0**2, rel=0.12)
    assert (masks[0] & masks[1]).sum() / (masks[0] | masks[1]).sum() > 0.9  # lattices start elsewhere
    assert len(particles_of(cored)) == cored.info["particles"][0]["atoms"]


def test_atoms_of_core_and_shell_move_by_crystal(recipe_with):
    table = {"CdSe.Cd": 0.12, "Se": 0.1, "ZnS.Zn": 0.3, "ZnS.S": 0.2, "C": 0.08}
    given = {"crystal": "CdSe", "radius_nm": 1.2, "count": 1, "shell": {"crystal": "ZnS", "thickness_nm": 0.4}}
    recipe = recipe_with(particles=given)
    phonons = Phonons(rms_displacement_angstrom=table)
    assert recipe.sites == {("", "C"), ("CdSe", "Cd"), ("CdSe", "Se"), ("ZnS", "Zn"), ("ZnS", "S")}
    assert phonons.missing(recipe.sites) == []
    atoms = build_specimen(recipe, 3, 0)
    moved = displacements_of(atoms, phonons)
    for symbol, expected in (("Cd", 0.12), ("Se", 0.1), ("Zn", 0.3), ("S", 0.2), ("C", 0.08)):
        assert set(moved[atoms.symbols == symbol]) == {expected}
    shared = recipe_with(
        particles=GOLD | {"shell": {"crystal": "Ag", "thickness_nm": 0.4}, "alloy": {"crystal": "Ag", "share": 0.5}}
    )
    atoms = build_specimen(shared, 3, 0)
    both = Phonons(rms_displacement_angstrom={"Au-Ag.Ag": 0.2, "Ag.Ag": 0.3, "Au": 0.1, "C": 0.08})
    silver = displacements_of(atoms, both)[atoms.numbers == 47]
    assert set(silver) == {0.2, 0.3}
    assert (silver == 0.3).sum() == (atoms.arrays["shell"]).sum()


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        ({"shell": SHELL | {"thickness_nm": 1.0}}, "a shell of 1 nm leaves no core in particles of radius 1.2 nm"),
        ({"shell": SHELL | {"thickness_nm": 1.0}}, "give a shell.thickness_nm of at most 0.9, or larger particles"),
        ({"shell": SHELL | {"thickness_nm": 0}}, "shell.thickness_nm: given 0; allowed: 0.1 to 10"),
        ({"shell": {"thickness_nm": 0.4}}, "shell.crystal: is missing"),
        ({"shell": SHELL | {"crystal": "Xx"}}, "crystal 'Xx' is not known"),
        ({"shell": SHELL, "twins": 1}, "a shell goes around cores that are single crystals without faults"),
        ({"shell": SHELL, "shape": "icosahedron"}, "a shell goes around cores that are single crystals"),
        ({"shell": {"crystal": "Fe", "thickness_nm": 0.4, "lattice": "core"}}, "Fe can't take the lattice of Au"),
        ({"alloy": {"crystal": "Fe", "share": 0.5}}, "Au and Fe have different structures and mix in no lattice"),
        ({"alloy": {"crystal": "Au", "share": 0.5}}, "Au and Au have the same elements"),
        ({"alloy": {"crystal": "Ag", "share": 1.5}}, "alloy.share: given 1.5; allowed: 0 to 1"),
        ({"alloy": {"crystal": "Ag"}}, "alloy.share: is missing"),
    ],
)
def test_what_composites_cannot_be_is_refused(recipe_with, more, fault):
    with pytest.raises(ConfigurationError, match=re.escape(fault)):
        recipe_with(particles=GOLD | more)


def test_shares_of_alloys_are_binomial(recipe_with):
    """Of n atoms n x are replaced, give or take sqrt(n x (1 - x))."""
    share, replaced, every = 0.3, 0, 0
    recipe = recipe_with(particles=GOLD | {"alloy": {"crystal": "Ag", "share": share}})
    shares = []
    for index in range(20):
        atoms = build_specimen(recipe, 1, index)
        numbers = particle(atoms).numbers
        assert set(numbers) <= {47, 79}
        assert atoms.info["particles"][0]["alloy_share"] == pytest.approx((numbers == 47).mean())
        replaced, every = replaced + int((numbers == 47).sum()), every + len(numbers)
        shares.append((numbers == 47).mean())
    assert abs(replaced - every * share) < 4 * math.sqrt(every * share * (1 - share))
    expected = math.sqrt(share * (1 - share) / (every / 20))
    assert 0.5 * expected < np.std(shares) < 1.6 * expected
    assert recipe.sites == {("", "C"), ("Au-Ag", "Au"), ("Au-Ag", "Ag")}


def test_compositions_are_drawn_within_their_range(recipe_with):
    recipe = recipe_with(
        particles=GOLD | {"radius_nm": 0.8, "alloy": {"crystal": "Ag", "share": {"minimum": 0.2, "maximum": 0.8}}}
    )
    shares = [build_specimen(recipe, 1, index).info["particles"][0]["alloy_share"] for index in range(60)]
    assert min(shares) < 0.32 and max(shares) > 0.68
    assert np.mean(shares) == pytest.approx(0.5, abs=0.1)  # sd of the mean 0.02


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_lattices_of_alloys_follow_vegards_law(recipe_with, share):
    """a = (1 - x) a(Cu) + x a(Au): 3.6157 A and 4.0782 A."""
    given = {"crystal": "Cu", "radius_nm": 1.2, "count": 1, "alloy": {"crystal": "Au", "share": share}}
    atoms = build_specimen(recipe_with(particles=given), 1, 0)
    a = (1 - share) * 3.6157 + share * 4.0782
    nearest = np.sort(particle(atoms).get_all_distances(mic=True), axis=1)[:, 1]
    assert np.median(nearest) == pytest.approx(a / math.sqrt(2), abs=1e-6)
    counts = [len(particle(build_specimen(recipe_with(particles=given), 1, index))) for index in range(8)]
    assert np.mean(counts) == pytest.approx(4 / 3 * math.pi * 12.0**3 * 4 / a**3, rel=0.03)


def test_ends_of_an_alloy_are_its_crystals():
    for share, end in ((0.0, CRYSTALS["CdSe"]), (1.0, CRYSTALS["ZnS"])):
        between = mixed(CRYSTALS["CdSe"], CRYSTALS["ZnS"], share)
        assert between.lattice == pytest.approx(end.lattice)
        assert between.sites == end.sites
    middle = unit_cell(mixed(CRYSTALS["Fe3O4"], CRYSTALS["Co3O4"], 0.5))
    assert middle.cell.lengths() == pytest.approx([(8.394 + 8.065) / 2] * 3)
    assert len(middle) == 56


def test_compounds_are_replaced_site_by_site(recipe_with):
    given = {"crystal": "CdSe", "radius_nm": 1.2, "count": 1, "alloy": {"crystal": "ZnS", "share": 0.5}}
    inside = particle(build_specimen(recipe_with(particles=given), 1, 0))
    counts = {symbol: int((inside.symbols == symbol).sum()) for symbol in ("Cd", "Zn", "Se", "S")}
    metals, others = counts["Cd"] + counts["Zn"], counts["Se"] + counts["S"]
    assert abs(metals - others) < 0.1 * metals
    assert 0.35 < counts["Zn"] / metals < 0.65 and 0.35 < counts["S"] / others < 0.65


@pytest.mark.parametrize("shape", ["decahedron", "icosahedron", "sphere"])
def test_alloys_have_every_shape_and_faults(recipe_with, shape):
    more = {"twins": 1} if shape == "sphere" else {"shape": shape}
    given = {"crystal": "Cu", "radius_nm": 0.8, "count": 1, "vacancies": 0.1, "alloy": {"crystal": "Au", "share": 0.5}}
    recipe = recipe_with(particles=given | more)
    atoms = build_specimen(recipe, 1, 0)
    require_sound(atoms, shape)
    facts = atoms.info["particles"][0]
    assert facts["crystal"] == "Cu-Au" and 0.3 < facts["alloy_share"] < 0.7
    assert facts["radius_angstrom"] <= recipe.particles.outer_radius + 1e-9


def test_vacancies_of_a_core_shell_particle_leave_its_labels_right(recipe_with):
    atoms = build_specimen(recipe_with(particles=GOLD | {"shell": SHELL, "vacancies": 0.3}), 3, 0)
    inside = particle(atoms)
    assert np.array_equal(inside.arrays["shell"], inside.numbers == 47)


def test_composites_read_back_as_they_were_written(recipe_with):
    given = GOLD | {"shell": SHELL | {"lattice": "core"}, "alloy": {"crystal": "Ag", "share": 0.2}, "side": "either"}
    recipe = recipe_with(particles=given)
    assert recipe_with(particles=recipe.model_dump(mode="json")["particles"]) == recipe
