"""docs/specimens.md tells every key of a recipe, its example is accepted, and its numbers are those of the code."""

import math
import re
from pathlib import Path

import numpy as np
import pytest

from temshift.configuration.model import load_configuration, parse_configuration
from temshift.specimens import (
    COMPOUNDS,
    AlloyRecipe,
    CompoundRecipe,
    GrapheneRecipe,
    MixtureRecipe,
    ParticleRecipe,
    ShellRecipe,
    SubstrateRecipe,
)
from temshift.specimens.supports.graphene import LATTICE, SLIGHT_STRAIN, SPACING, fitted
from temshift.studies import Plan, Study
from temshift.vocabulary.columns import RESULTS

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "specimens.md").read_text(encoding="utf-8")
CODE = set(re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL)))


def row(label: str) -> list[str]:
    """Cells of a row of a table, without its label."""
    line = next(line for line in PAGE.splitlines() if line.startswith(f"| {label}"))
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


@pytest.mark.parametrize(
    "model", [SubstrateRecipe, CompoundRecipe, GrapheneRecipe, ParticleRecipe, ShellRecipe, AlloyRecipe]
)
def test_every_key_is_told(model: type[SubstrateRecipe]) -> None:
    told = CODE | {"material"}
    assert [key for key in model.model_fields if key not in told] == []


def test_the_example_is_accepted(tmp_path: Path) -> None:
    block = re.search(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)
    assert block is not None
    (tmp_path / "mixture.yaml").write_text(block[1], encoding="utf-8")
    assert len(load_configuration(tmp_path / "mixture.yaml", MixtureRecipe).mixture) == 6


@pytest.mark.parametrize(("column", "name"), [(0, "silicon_nitride"), (1, "silica")])
def test_numbers_of_compounds_are_those_of_the_code(column: int, name: str) -> None:
    compound = COMPOUNDS[name]
    assert row("density / g/cm3")[column] == f"{compound.density:.1f}, {compound.densest:g}"
    assert row("bond, the peak")[column] == f"Si-{compound.anion} {compound.bond:g}"
    least = f"Si-Si {compound.cations:.1f}, {compound.anion}-{compound.anion} {compound.anions:g}"
    assert row("least distance of like atoms")[column] == least
    ratios = row("composition, anions for each Si")[column].split(", ")[1]
    assert ratios == "{:.1f} to {:.1f}".format(*compound.ratios)


def test_numbers_of_graphene_are_those_of_the_code() -> None:
    atoms = 4 / math.sqrt(3) / LATTICE**2
    assert f"a = {LATTICE:g} A and {SPACING:g} A between layers" in PAGE and f"{atoms:.3f} atoms" in PAGE
    for side, share in ((80.0, 99), (51.2, 70)):
        passing = (fitted((side, side), np.linspace(0, 60, 3000)).strains <= SLIGHT_STRAIN).mean()
        assert 100 * passing == pytest.approx(share, abs=1)
    assert "those of 5.12 nm 70 %" in PAGE and "Square cells of 8 nm let 99 %" in PAGE


def test_links_exist_and_the_picture_is_small() -> None:
    links = [DOCS / link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", PAGE)]
    assert links and [link for link in links if not link.exists()] == []
    assert (DOCS / "supports.png").stat().st_size < 300_000


def test_the_study_of_the_page_on_sets_is_one() -> None:
    page = (DOCS / "specimen-sets.md").read_text(encoding="utf-8")
    sets, conditions = re.findall(r"```yaml\n(.*?)```", page, flags=re.DOTALL)
    others = "name: page\nseed: 1\ncounts: {training: 4, test: 2}\nnetwork: {}\ntraining: {}\n"
    waves = "exit_waves: {energy_kev: 300, sampling_angstrom: 0.4, slice_thickness_angstrom: 4, mask: {}}\n"
    plan = Plan(parse_configuration(others + waves + sets + conditions, Study, "page"))
    trained = {name for part in plan.parts for name in part.trainings}
    assert trained >= {"near, small CdSe", "near, mixed", "low dose, mixed"} and len(trained) == 9
    named = set(re.findall(r"^\| `(\w+)`", page, flags=re.MULTILINE))
    assert {"g_ood_condition", "g_ood_specimens", "g_ood_interaction"} == named & set(RESULTS)
