import math
import re
import sys

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.spatial import ConvexHull, cKDTree
from scipy.spatial.transform import Rotation

from temshift.core.errors import InputError
from temshift.specimens.crystals import CRYSTALS, Crystal, unit_cell
from temshift.specimens.multiply_twinned import multiply_twinned
from temshift.specimens.particle_recipe import ParticleRecipe
from temshift.specimens.particles import draw_particle
from temshift.specimens.shapes import SPHERE, Shape, extents, solid_of


def wulff(**energies):
    """Shape of facets such as h111=1.0."""
    facets = [{"miller": tuple(map(int, name[1:])), "energy_J_per_m2": value} for name, value in energies.items()]
    return Shape.model_validate({"wulff": facets})


POLAR = Shape.model_validate(
    {
        "wulff": [
            {"miller": (0, 0, 0, 1), "energy_J_per_m2": 1.0},
            {"miller": (0, 0, 0, -1), "energy_J_per_m2": 1.3},
            {"miller": (1, 0, -1, 0), "energy_J_per_m2": 1.1},
        ]
    }
)


def recipe_of(crystal, **given):
    return ParticleRecipe.model_validate({"crystal": crystal, "radius_nm": 1.5, "count": 1, "gap_nm": 0.5, **given})


@pytest.mark.parametrize(
    ("shape", "crystal"),
    [(wulff(h111=1.0, h100=1.15), "Ag"), (wulff(h110=1.0), "Fe"), (wulff(h100=1.0), "Fe3O4"), (POLAR, "CdSe")],
)
def test_a_polyhedron_has_the_volume_of_the_sphere(shape, crystal):
    solid = solid_of(shape, CRYSTALS[crystal])
    assert ConvexHull(solid.corners).volume == pytest.approx(4 / 3 * math.pi)
    assert solid.inner < 1 < solid.outer
    cell = unit_cell(crystal)
    expected = 4 / 3 * math.pi * 18**3 / cell.get_volume() * len(cell)
    counts = [
        len(draw_particle(recipe_of(crystal, shape=shape), 18.0, np.random.default_rng(s)).numbers) for s in range(8)
    ]
    assert np.mean(counts) == pytest.approx(expected, rel=0.03)


def test_a_cube_and_an_octahedron_are_those_of_geometry():
    cube, octahedron = (solid_of(wulff(**{name: 1.0}), CRYSTALS["Ag"]) for name in ("h100", "h111"))
    side = (4 / 3 * math.pi) ** (1 / 3)
    assert cube.outer == pytest.approx(side * math.sqrt(3) / 2)
    assert cube.inner == pytest.approx(side / 2)
    edge = (4 / 3 * math.pi * 3 / math.sqrt(2)) ** (1 / 3)
    assert octahedron.outer == pytest.approx(edge / math.sqrt(2))
    assert sorted(np.abs(octahedron.normals).ravel()) == pytest.approx([1 / math.sqrt(3)] * 24)
    assert cube.silhouette(Rotation.identity()) == pytest.approx(side / math.sqrt(2))


def test_a_prism_is_seen_as_a_hexagon_or_a_rectangle():
    solid = solid_of(POLAR, CRYSTALS["CdSe"])
    up = solid.distances[solid.normals[:, 2] > 0.9][0]
    side = 1.1 * up / math.cos(math.pi / 6)  # from the axis to an edge
    assert solid.silhouette(Rotation.identity()) == pytest.approx(side)
    assert solid.silhouette(Rotation.from_euler("x", 90, degrees=True)) == pytest.approx(math.hypot(1.3 * up, side))


def test_a_particle_fills_its_corners():
    shape = wulff(h111=1.0)
    particle = draw_particle(recipe_of("Ag", shape=shape), 30.0, np.random.default_rng(0))
    farthest = np.linalg.norm(particle.positions, axis=1).max()
    assert farthest > 0.9 * 30.0 * solid_of(shape, CRYSTALS["Ag"]).outer > 39.0


def test_facets_lie_in_proportion_to_their_energies():
    """Wulff's theorem, with the normals worked out from the reciprocal lattice."""
    solid = solid_of(POLAR, CRYSTALS["CdSe"])
    up, down = solid.distances[solid.normals[:, 2] > 0.9], solid.distances[solid.normals[:, 2] < -0.9]
    sides = np.abs(solid.normals[:, 2]) < 0.1
    assert down / up == pytest.approx([1.3])
    assert solid.distances[sides] / up == pytest.approx([1.1] * 6)
    reciprocal = np.linalg.inv(np.asarray(unit_cell("CdSe").cell))
    expected = reciprocal @ [1, 0, 0] / np.linalg.norm(reciprocal @ [1, 0, 0])
    assert (solid.normals[sides] @ expected).max() == pytest.approx(1.0)


def test_a_faceted_particle_ends_at_its_facets():
    particle = draw_particle(recipe_of("Ag", shape=wulff(h111=1.0, h100=1.15)), 20.0, np.random.default_rng(2))
    solid = solid_of(wulff(h111=1.0, h100=1.15), CRYSTALS["Ag"])
    heights = particle.rotation.inv().apply(particle.positions) @ solid.normals.T
    assert (heights <= 20 * solid.distances + 1e-9).all()
    spacings = 4.0782 / np.where(np.abs(solid.normals).max(axis=1) > 0.9, 2.0, math.sqrt(3))
    assert (heights.max(axis=0) > 20 * solid.distances - spacings).all()


def test_facets_of_a_rounded_file_are_those_of_the_crystal(tmp_path):
    path = tmp_path / "cell.vasp"
    cell = unit_cell("CdSe")
    rows = "\n".join(" ".join(f"{value:.4f}" for value in site) for site in cell.get_scaled_positions())
    lattice = "\n".join(" ".join(f"{value:.4f}" for value in row) for row in cell.cell)
    path.write_text(f"CdSe\n1.0\n{lattice}\nCd Se\n2 2\nDirect\n{rows}\n")
    ours, theirs = (
        solid_of(POLAR, crystal)
        for crystal in (Crystal.model_validate({"structure_file": str(path)}), CRYSTALS["CdSe"])
    )
    assert np.sort(ours.distances) == pytest.approx(np.sort(theirs.distances), rel=1e-3)


def test_equivalent_facets_of_unequal_energies_are_refused():
    given = [{"miller": m, "energy_J_per_m2": e} for m, e in (((1, 1, 1), 1.0), ((1, -1, 1), 2.0))]
    with pytest.raises(
        InputError, match="are equivalent to .1, 1, 1. by symmetry; give facets on all sides, each once"
    ):
        solid_of(Shape.model_validate({"wulff": given}), CRYSTALS["Ag"])


def test_shapes_are_read_and_written_alike():
    for given in ("sphere", "icosahedron", POLAR.model_dump()):
        assert Shape.model_validate(given).model_dump() == given
    assert solid_of(Shape.model_validate("sphere"), CRYSTALS["Si"]) is SPHERE


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ("wulff", "surface energies belong to wulff, and it needs them; write shape: {wulff: "),
        ({"wulff": []}, "surface energies belong to wulff, and it needs them"),
        ({"wulff": [{"miller": (1, 1, 1), "energy_J_per_m2": 0.0}]}, "greater than 0"),
        (
            {"wulff": [{"miller": (1, 1, 1), "energy_J_per_m2": e} for e in (1.0, 2.0)]},
            r"miller \[1, 1, 1\] is given twice",
        ),
    ],
)
def test_faults_of_a_shape_are_told(given, fault):
    with pytest.raises(ValidationError, match=fault):
        Shape.model_validate(given)


def test_an_unknown_shape_is_told_with_those_that_are_known(recipe_with):
    with pytest.raises(
        InputError, match="'cuboid' is not known; allowed: 'sphere', 'wulff', 'decahedron', 'icosahedron'"
    ):
        recipe_with(particles={"shape": "cuboid"})
    with pytest.raises(InputError, match=r"particles.shape.wulff.0.energy: unknown key"):
        recipe_with(particles={"shape": {"wulff": [{"miller": [1, 1, 1], "energy": 1}]}})


@pytest.mark.parametrize(
    ("miller", "fault"),
    [
        ([1, 1], ": given a list of 2; must be a list .h, k, l., or .h, k, i, l. of hexagonal crystals"),
        ([1, 1, 1, 1, 1], ": given a list of 5; must be a list .h, k, l., or .h, k, i, l. of hexagonal crystals"),
        ("111", ": given '111'; must be a list .h, k, l."),
        ([1, 0, "a", 0], ".2: given 'a'; must be a whole number$"),
        ([1, 0, 1.5], ".2: given 1.5; must be a whole number$"),
    ],
)
def test_indices_of_a_facet_have_one_fault(recipe_with, miller, fault):
    with pytest.raises(InputError) as caught:
        recipe_with(particles={"shape": {"wulff": [{"miller": miller, "energy_J_per_m2": 1}]}})
    (line,) = str(caught.value).splitlines()[1:]
    assert re.search(rf"particles\.shape\.wulff\.0\.miller{fault}", line)


@pytest.mark.parametrize(
    ("miller", "why"),
    [
        ([(0, 0, 0, 1), (1, 0, -1, 0)], "cannot form a closed shape|close"),
        ([(0, 0, 0, 1)], "no closed body"),
        ([(1, 1, 0, 0)], "no closed body: Invalid Bravais-Miller indices"),
        ([(0, 0, 0, 0)], "no closed body: an index of zeros"),
    ],
)
def test_facets_that_close_no_body_are_told(miller, why):
    facets = Shape.model_validate({"wulff": [{"miller": index, "energy_J_per_m2": 1.0} for index in miller]})
    with pytest.raises(
        InputError, match="of CdSe make no closed body(?s:.*)(polar crystals need opposite ones too)"
    ) as caught:
        solid_of(facets, CRYSTALS["CdSe"])
    assert why.split("|")[0] in str(caught.value) or why.split("|")[-1] in str(caught.value)


def test_the_remedy_is_told_where_wulffpack_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "wulffpack.core", None)
    with pytest.raises(InputError, match=r"needs wulffpack; install it: pip install temshift\[facets\]"):
        solid_of(wulff(h111=1.0, h100=1.77), CRYSTALS["Ag"])


def bonds_of(positions):
    bond = 4.0782 / math.sqrt(2)
    return cKDTree(positions).query_pairs(bond * 1.2, output_type="ndarray")


@pytest.mark.parametrize(("radius", "atoms"), [(4.0, 13), (7.4, 147), (14.5, 923)])
def test_icosahedra_are_closed_shells(radius, atoms):
    positions = multiply_twinned("icosahedron", CRYSTALS["Ag"], radius)
    assert len(positions) == atoms
    hull = ConvexHull(positions)
    corners = positions[np.linalg.norm(positions, axis=1) > np.linalg.norm(positions, axis=1).max() - 1e-6]
    assert len(corners) == 12
    assert ConvexHull(corners).volume == pytest.approx(hull.volume)
    assert np.abs(corners[:, 2]).max() == pytest.approx(np.linalg.norm(corners[0]))  # a fivefold axis along z


@pytest.mark.parametrize(("shape", "strain"), [("icosahedron", 0.0515), ("decahedron", 0.0181)])
def test_bonds_of_twinned_particles_are_those_of_the_bulk_on_the_mean(shape, strain):
    positions = multiply_twinned(shape, CRYSTALS["Ag"], 18.0)
    pairs = bonds_of(positions)
    inner = np.linalg.norm(positions, axis=1) < 13.0
    degrees = np.bincount(pairs.ravel(), minlength=len(positions))
    assert set(degrees[inner]) == {12}
    both = inner[pairs].all(axis=1)
    lengths = np.linalg.norm(positions[pairs[both, 0]] - positions[pairs[both, 1]], axis=1) / (4.0782 / math.sqrt(2))
    assert lengths.mean() == pytest.approx(1.0, abs=0.004)
    assert lengths.max() / lengths.min() == pytest.approx(1 + strain, abs=5e-4)


def turned(positions, degrees):
    return Rotation.from_euler("z", degrees, degrees=True).apply(positions)


@pytest.mark.parametrize("shape", ["icosahedron", "decahedron"])
def test_twinned_particles_have_their_fivefold_axis_along_z(shape):
    positions = multiply_twinned(shape, CRYSTALS["Cu"], 12.0)
    tree = cKDTree(positions)
    assert tree.query(turned(positions, 72))[0].max() < 1e-6
    assert tree.query(turned(positions, 60))[0].max() > 0.5
    assert positions.mean(axis=0) == pytest.approx([0, 0, 0], abs=1e-6)


@pytest.mark.parametrize("shape", ["icosahedron", "decahedron"])
def test_sizes_of_twinned_particles_are_the_nearest_they_have(shape):
    sizes = []
    for radius in np.linspace(3.0, 30.0, 28):
        particle = draw_particle(recipe_of("Ag", shape=shape, radius_nm=radius / 10), radius, np.random.default_rng(0))
        volume = len(particle.numbers) * 4.0782**3 / 4
        assert 4 / 3 * math.pi * particle.size**3 == pytest.approx(volume)
        assert abs(particle.size - radius) < (1.5 if shape == "icosahedron" else 0.9)
        sizes.append(particle.size)
    assert (np.diff(sizes) >= 0).all()


@pytest.mark.parametrize("shape", ["icosahedron", "decahedron"])
def test_outer_radii_of_twinned_particles_grow_with_their_size(shape):
    """So the greatest radius of a recipe gives the greatest silhouette."""
    outer = [extents(Shape.model_validate(shape), CRYSTALS["Cu"], radius)[1] for radius in np.linspace(3.0, 25.0, 45)]
    assert (np.diff(outer) >= -1e-9).all()


@pytest.mark.parametrize("shape", ["icosahedron", "decahedron"])
@pytest.mark.parametrize("crystal", ["CdSe", "Fe", "Si"])
def test_only_fcc_elements_are_multiply_twinned(shape, crystal):
    with pytest.raises(ValidationError, match=f"shape '{shape}' is made of fcc elements only.*{crystal} is none"):
        recipe_of(crystal, shape=shape)


def test_twinned_shapes_take_no_further_faults():
    with pytest.raises(ValidationError, match="shape 'decahedron' is twinned already; leave stacking_faults and twins"):
        recipe_of("Ag", shape="decahedron", twins=1)


def test_vacancies_are_a_share_of_the_atoms():
    whole = draw_particle(recipe_of("Ag"), 15.0, np.random.default_rng(4))
    lacking = draw_particle(recipe_of("Ag", vacancies=0.25), 15.0, np.random.default_rng(4))
    assert lacking.vacancies == round(0.25 * len(whole.numbers))
    assert len(lacking.numbers) == len(whole.numbers) - lacking.vacancies
    gaps, found = cKDTree(whole.positions).query(lacking.positions)
    assert gaps.max() == 0
    assert (np.diff(found) > 0).all()
    missing = np.setdiff1d(np.arange(len(whole.numbers)), found)
    mean = whole.positions[missing].mean(axis=0)
    assert np.linalg.norm(mean) < 4 * 15 * math.sqrt(0.6 / len(missing))  # anywhere in the sphere


def test_faults_in_a_faceted_particle_stay_within_it():
    shape = wulff(h111=1.0, h100=1.1)
    particle = draw_particle(recipe_of("Ag", shape=shape, twins=2, stacking_faults=1), 15.0, np.random.default_rng(1))
    solid = solid_of(shape, CRYSTALS["Ag"])
    assert solid.holds(particle.rotation.inv().apply(particle.positions) / 15.0 * (1 - 1e-12)).all()
    nearest = cKDTree(particle.positions).query(particle.positions, 2)[0][:, 1]
    assert nearest == pytest.approx(4.0782 / math.sqrt(2), abs=1e-3)
    assert (particle.twins, particle.stacking_faults) == (2, 1)
