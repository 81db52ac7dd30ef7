import math
import re

import pytest

from temshift.configuration.model import ConfigurationError, dump_configuration, parse_configuration
from temshift.specimens import Range, SpecimenRecipe, unit_cell

WRITTEN = """\
cell_nm: [5.12, 5.12]
margin_angstrom: 2.0
substrate:
  density_g_per_cm3: 2.0
  minimum_distance_angstrom: 1.4
  thickness_nm: {minimum: 2.0, maximum: 5.0}
particles:
  crystal: CdSe
  radius_nm: {minimum: 0.9, maximum: 1.6}
  count: {minimum: 1, maximum: 1}
  gap_nm: 1.0
"""


def faults(text):
    with pytest.raises(ConfigurationError) as caught:
        parse_configuration(text, SpecimenRecipe, "study.yaml")
    return [str(fault) for fault in caught.value.faults]


def test_lengths_become_angstrom_once():
    recipe = parse_configuration(WRITTEN, SpecimenRecipe, "study.yaml")
    assert recipe.cell == pytest.approx((51.2, 51.2))
    assert recipe.substrate.thickness == (20.0, 50.0)
    assert recipe.particles.radius == (9.0, 16.0)
    assert recipe.particles.gap == 10.0
    assert recipe.particles.contact_distance_angstrom == 2.0


def test_sites_are_those_of_specimens(recipe_with):
    recipe = recipe_with()
    assert recipe.sites == {("", "C"), ("CdSe", "Cd"), ("CdSe", "Se")}
    assert {symbol for _, symbol in recipe.sites} == recipe.elements


def test_a_recipe_reads_back_as_it_was_written():
    recipe = parse_configuration(WRITTEN, SpecimenRecipe, "study.yaml")
    assert parse_configuration(dump_configuration(recipe), SpecimenRecipe, "again.yaml") == recipe


SILVER = """\
  crystal: Ag
  shape:
    wulff:
      - {miller: [1, 1, 1], energy_J_per_m2: 1.0}
      - {miller: [1, 0, 0], energy_J_per_m2: 1.15}
  radius_nm:
    lognormal: {median: 1.4, sigma: 0.05}
  orientation: {zone_axis: [1, -1, 0], spread_deg: 3}
  stacking_faults: {minimum: 0, maximum: 1}
  twins: 1
  vacancies: {minimum: 0, maximum: 0.05}
  count: 1
  gap_nm: 1.0
"""


def test_everything_that_particles_can_be_reads_back_as_it_was_written():
    text = WRITTEN[: WRITTEN.index("  crystal:")] + SILVER
    recipe = parse_configuration(text, SpecimenRecipe, "study.yaml")
    assert parse_configuration(dump_configuration(recipe), SpecimenRecipe, "again.yaml") == recipe
    particles = recipe.particles
    assert particles.orientation.zone_axis == (1, -1, 0)
    assert [energy.miller for energy in particles.shape.wulff] == [(1, 1, 1), (1, 0, 0)]
    assert particles.radius == pytest.approx((14 * math.exp(-0.15), 14 * math.exp(0.15)))
    assert particles.outer_radius > particles.radius[1]


def test_a_crystal_of_a_file_is_written_out(tmp_path):
    path = tmp_path / "cell.cif"
    unit_cell("Fe3O4").write(path)
    text = WRITTEN.replace("crystal: CdSe", f"crystal: {{structure_file: '{path}', name: magnetite}}")
    recipe = parse_configuration(text, SpecimenRecipe, "study.yaml")
    written = dump_configuration(recipe)
    assert "cell.cif" not in written
    path.unlink()
    assert parse_configuration(written, SpecimenRecipe, "again.yaml") == recipe
    assert recipe.sites == {("", "C"), ("magnetite", "Fe"), ("magnetite", "O")}


def test_sites_and_elements_of_a_recipe(recipe_with):
    assert recipe_with().sites == {("", "C"), ("CdSe", "Cd"), ("CdSe", "Se")}
    assert recipe_with().elements == {"C", "Cd", "Se"}
    assert recipe_with(particles={"crystal": "C"}).sites == {("", "C"), ("C", "C")}


def test_a_range_of_radii_is_a_uniform_distribution(recipe_with):
    spread = {"minimum": 0.4, "maximum": 0.6}
    assert recipe_with(particles={"radius_nm": spread}) == recipe_with(particles={"radius_nm": {"uniform": spread}})


@pytest.mark.parametrize(
    ("given", "bounds"),
    [
        ({"normal": {"mean": 0.5, "sd": 0.02}}, (0.44, 0.56)),
        ({"normal": {"mean": 0.5, "sd": 0.3, "maximum": 0.6}}, (0.3, 0.6)),
        ({"lognormal": {"median": 0.5, "sigma": 0.05}}, (0.5 * math.exp(-0.15), 0.5 * math.exp(0.15))),
        ({"lognormal": {"median": 0.5, "sigma": 0.2, "minimum": 0.4, "maximum": 0.55}}, (0.4, 0.55)),
    ],
)
def test_sizes_are_cut_at_bounds_that_are_written_out(recipe_with, given, bounds):
    recipe = recipe_with(particles={"radius_nm": given})
    assert recipe.particles.radius == pytest.approx((10 * bounds[0], 10 * bounds[1]))
    (kind,) = recipe.model_dump(mode="json")["particles"]["radius_nm"].values()
    assert (kind["minimum"], kind["maximum"]) == pytest.approx(bounds)


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"normal": {"mean": 0.1, "sd": 0.1}}, "mean 0.1 is not between minimum 0.3 and maximum 0.4"),
        ({"normal": {"mean": 0.5, "sd": 0.1, "minimum": 0.1}}, "radius_nm: given 0.1; allowed: 0.3 to 20"),
        ({"normal": {"mean": 0.5}}, "radius_nm.normal.sd: is missing"),
        ({"lognormal": {"median": -1, "sigma": 0.1}}, "radius_nm.lognormal.median: given -1; must be greater than 0"),
        ({"gamma": {"shape": 2}}, "radius_nm.gamma: unknown key; allowed: 'fixed', 'normal', 'lognormal', 'uniform'"),
        ({"minimum": 0.4}, "radius_nm.uniform.maximum: is missing"),
        ([0.4, 0.5], "must be a number, {minimum: ..., maximum: ...}"),
    ],
)
def test_faults_of_sizes_are_told(recipe_with, given, fault):
    with pytest.raises(ConfigurationError, match=re.escape(fault)):
        recipe_with(particles={"radius_nm": given})


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"vacancies": 0.6}, "particles.vacancies: given 0.6; allowed: 0 to 0.5"),
        ({"twins": 1}, "particles: twins are offered in fcc, diamond and zincblende crystals; CdSe is a wurtzite"),
        ({"crystal": "Fe", "stacking_faults": 1}, "Fe is none of them: leave stacking_faults and twins out"),
        ({"stacking_faults": 3}, "particles: 3 stacking faults and 0 twins need 5 layers"),
        (
            {"radius_nm": {"minimum": 0.4, "maximum": 1.0}, "count": 1, "stacking_faults": 2},
            "2 stacking faults and 0 twins need 3 layers; a particle that holds a sphere of radius 4 A has 0 for them",
        ),
        ({"shape": "icosahedron"}, "particles: shape 'icosahedron' is made of fcc elements only"),
        ({"stacking_faults": -1}, "particles.stacking_faults: given -1; allowed: 0 to 20"),
    ],
)
def test_what_particles_cannot_be_is_told(recipe_with, given, fault):
    with pytest.raises(ConfigurationError, match=re.escape(fault)):
        recipe_with(particles=given)


def test_room_is_judged_by_silhouettes_and_never_below_the_contact_distance(recipe_with):
    shape = {"wulff": [{"miller": [1, 0, 0], "energy_J_per_m2": 1.0}]}
    recipe_with(particles={"crystal": "Cu", "radius_nm": 1.15, "count": 1})
    cube = recipe_with(particles={"crystal": "Cu", "radius_nm": 0.9, "count": 1, "shape": shape})
    assert cube.particles.outer_radius == pytest.approx(9 * (4 / 3 * math.pi) ** (1 / 3) * math.sqrt(3) / 2)
    assert cube.particles.gap == 2.0
    with pytest.raises(
        ConfigurationError, match=r"diameter 3.21\d nm with a gap of 0.2 nm exceed .* of at least 3.41\d"
    ):
        recipe_with(particles={"crystal": "Cu", "radius_nm": 1.15, "count": 1, "shape": shape})


def test_a_number_is_a_fixed_value(recipe_with):
    recipe = recipe_with(substrate={"thickness_nm": 1}, particles={"radius_nm": 0.5, "count": 2})
    assert recipe.substrate.thickness_nm == Range[float](minimum=1.0, maximum=1.0)
    assert recipe.particles.radius == (5.0, 5.0)
    assert recipe.particles.count == Range[int](minimum=2, maximum=2)


@pytest.mark.parametrize(
    ("given", "replaced", "told"),
    [
        (
            "crystal: CdSe",
            "crystal: CdTe",
            "line 8, particles.crystal: crystal 'CdTe' is not known; allowed: 'CdSe', 'ZnS', ",
        ),
        (
            "radius_nm: {minimum: 0.9, maximum: 1.6}",
            "radius_nm: {minimum: 1.6, maximum: 0.9}",
            "line 9, particles.radius_nm.uniform: minimum 1.6 is above maximum 0.9; swap them",
        ),
        (
            "radius_nm: {minimum: 0.9, maximum: 1.6}",
            "radius_nm: 0.2",
            "line 9, particles.radius_nm: given 0.2; allowed: 0.3 to 20",
        ),
        (
            "radius_nm: {minimum: 0.9, maximum: 1.6}",
            "radius_nm: wide",
            "line 9, particles.radius_nm: given 'wide'; must be a number, {minimum: ..., maximum: ...}, {normal: ...}",
        ),
        (
            "count: {minimum: 1, maximum: 1}",
            "count: {minimum: 0, maximum: 1}",
            "line 10, particles.count: given 0; allowed: 1 to 100",
        ),
        (
            "count: {minimum: 1, maximum: 1}",
            "count: {minimum: 1, maximum: 1.5}",
            "line 10, particles.count.maximum: given 1.5; must be a whole number",
        ),
        (
            "thickness_nm: {minimum: 2.0, maximum: 5.0}",
            "thickness_nm: {minimum: 2.0, maximum: 500}",
            "line 6, substrate.thickness_nm: given 500; allowed: 0.5 to 100",
        ),
        (
            "gap_nm: 1.0",
            "gap_nm: -1",
            "line 11, particles.gap_nm: given -1; must be greater than or equal to 0",
        ),
        (
            "maximum: 1.6",
            "maximum: 2.2",
            "particles of diameter 4.4 nm with a gap of 1 nm exceed the cell, 5.12 x 5.12 nm; "
            "give a cell_nm of at least 5.4 along both sides, or smaller particles",
        ),
        (
            "count: {minimum: 1, maximum: 1}",
            "count: {minimum: 1, maximum: 4}",
            "4 particles of up to 1.6 nm radius with gaps of 1 nm do not fit at random into a cell of "
            "5.12 x 5.12 nm; give a count of at most 2, smaller particles or a larger cell_nm",
        ),
        (
            "minimum_distance_angstrom: 1.4",
            "minimum_distance_angstrom: 1.9",
            "line 3, substrate: carbon of 2 g/cm3 with 1.9 A between atoms fills 0.36 of space; ",
        ),
    ],
)
def test_faults_are_told_with_values_and_remedies(given, replaced, told):
    assert given in WRITTEN
    (fault,) = faults(WRITTEN.replace(given, replaced))
    assert told in fault


def test_the_count_that_a_refusal_advises_is_accepted(recipe_with):
    recipe_with(particles={"radius_nm": 0.6, "count": 4})
    with pytest.raises(ConfigurationError, match="give a count of at most 4"):
        recipe_with(particles={"radius_nm": 0.6, "count": 9})


def test_the_published_range_of_small_particles_fits(recipe_with):
    recipe = recipe_with(
        cell_nm=[12.8, 12.8],
        particles={
            "radius_nm": {"minimum": 1, "maximum": 2},
            "count": {"minimum": 1, "maximum": 5},
            "gap_nm": 1.0,
        },
    )
    assert recipe.particles.count.maximum == 5
