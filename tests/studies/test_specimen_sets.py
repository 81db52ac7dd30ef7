"""Several sets of specimens in one study: who trains and is tested on which, and what scores then say."""

import os
import signal
import subprocess
import sys
import time
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from temshift.configuration.model import ConfigurationError, parse_configuration
from temshift.configuration.yaml_document import read_document, write_document
from temshift.specimens import MixtureRecipe, SpecimenRecipe, build_specimen
from temshift.studies import Plan, Study, read_results, run_study
from temshift.studies.analysis.generalization import with_generalization
from temshift.studies.planning.specimen_sets import merged
from temshift.studies.planning.study import members_of

SETS: list[dict[str, Any]] = [
    {"name": "{value}", "series": "particles.crystal", "values": ["CdSe", "Ag"]},
    {"name": "wide", "specimens": {"cell_nm": [3.84, 3.84], "particles": {"crystal": "Cu"}}, "counts": {"test": 3}},
    {"name": "both", "mixture": ["CdSe", "Ag"], "counts": {"training": 6}},
]
CHANGES: dict[str, Any] = {
    "counts": {"training": 4, "test": 2, "per_shard": 4},
    "training": {"steps": 2, "batch": 2},
    "network": {"widths": [4], "stem": 4},
    "information": {"specimens": 2, "draws": 8, "observers": False, "images": {"specimens": 2}},
    "conditions": {
        "default": {"semiangle_cutoff_mrad": 12.0, "focal_spread_sigma_nm": 1.0, "dose_e_per_A2": 400},
        "training": [
            {"name": "near", "defocus_nm": -5},
            {"name": "far", "defocus_nm": -20, "specimens": ["Ag", "both"]},
        ],
        "test": [
            {"name": "near", "defocus_nm": -5},
            {"name": "own", "defocus_nm": 8, "specimens": "own"},
            {"name": "wide alone", "defocus_nm": 8, "specimens": "wide"},
        ],
    },
}


NEAR = {"defocus_nm": -5, "semiangle_cutoff_mrad": 12.0, "focal_spread_sigma_nm": 1.0, "dose_e_per_A2": 400}


@pytest.fixture(scope="module")
def given(tiny_text: str) -> dict[str, Any]:
    data = read_document(tiny_text).data
    assert isinstance(data, dict)
    return deepcopy(data) | deepcopy(CHANGES)


def study_of(given: dict[str, Any], **changes: Any) -> Study:
    return parse_configuration(write_document({**given, **changes}), Study, "study.yaml")


@pytest.fixture(scope="module")
def plan(given: dict[str, Any]) -> Plan:
    return Plan(study_of(given, specimen_sets=SETS))


@pytest.fixture(scope="module")
def results(given: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    place = tmp_path_factory.mktemp("sets") / "study"
    run_study(study_of(given, specimen_sets=SETS), place, workers=0)
    return read_results(place)


def test_networks_train_on_the_sets_that_items_name(plan: Plan) -> None:
    trained = {part.specimens: list(part.trainings) for part in plan.parts}
    assert trained == {
        "CdSe": ["near, CdSe"],
        "Ag": ["near, Ag", "far, Ag"],
        "wide": ["near, wide"],
        "both": ["near, both", "far, both"],
    }


def test_tests_show_all_sets_but_mixtures_or_the_own_one_or_those_named(plan: Plan) -> None:
    both = plan.parts[-1]
    assert [(test.name, test.specimens) for test in both.tests] == [
        *((f"near, {name}", name) for name in ("CdSe", "Ag", "wide")),
        ("own", "both"),
        ("wide alone, wide", "wide"),
    ]
    assert {test.source.database for test in both.tests if test.specimens == "both"} == {both.databases["test"].id}


def test_a_set_is_the_study_that_has_its_specimens_alone(given: dict[str, Any], plan: Plan) -> None:
    alone = deepcopy(given)
    alone["specimens"] = merged(alone["specimens"], SETS[1]["specimens"])
    alone["counts"] = merged(alone["counts"], SETS[1]["counts"])
    for item in [*alone["conditions"]["training"], *alone["conditions"]["test"]]:
        item.pop("specimens", None)
    single = Plan(study_of(alone))
    wide = plan.parts[2]
    assert wide.networks[0].id == single.networks[0].id
    assert wide.own_tests["near, wide"].id == single.parts[0].own_tests["near"].id
    assert {test.id for test in wide.own_specimens} <= {test.id for test in single.parts[0].tests}


def test_names_of_studies_without_sets_stay(given: dict[str, Any]) -> None:
    plan = Plan(
        study_of(
            given,
            conditions={
                **given["conditions"],
                "training": [{"name": "near", "defocus_nm": -5}],
                "test": [{"name": "near", "defocus_nm": -5}],
            },
        )
    )
    assert "specimen_sets" not in plan.study.resolved()
    assert plan.networks[0].name == "near"


def test_a_mixture_takes_specimens_of_its_members_in_turn(plan: Plan) -> None:
    recipe = plan.parts[-1].study.specimens
    assert isinstance(recipe, MixtureRecipe)
    for number, crystal in enumerate(("CdSe", "Ag", "CdSe")):
        member = recipe.member(number)
        assert isinstance(member, SpecimenRecipe)
        mixed, pure = (build_specimen(one, 3, number) for one in (recipe, member))
        assert np.array_equal(mixed.positions, pure.positions)
        assert {facts["crystal"] for facts in mixed.info["particles"]} == {crystal}


def test_scores_name_specimens_and_what_they_cost(results: pl.DataFrame) -> None:
    pairs = results.select("training_specimens", "test_specimens").unique().rows()
    assert {one for one, _ in pairs} == {"CdSe", "Ag", "wide", "both"}
    assert {other for one, other in pairs if one == "both"} == {"CdSe", "Ag", "wide", "both"}
    parts = ("g_ood_condition", "g_ood_specimens", "g_ood_interaction")
    whole = results.filter(pl.all_horizontal(pl.col(name).is_not_null() for name in parts))
    assert len(whole) > len(results) / 2
    assert np.allclose(whole["g_ood"], whole.select(sum(pl.col(name) for name in parts)).to_series())


def test_the_cost_of_specimens_is_taken_under_the_training_conditions(results: pl.DataFrame) -> None:
    pair = (pl.col("training_name") == "near, CdSe") & (pl.col("test_name") == "near, Ag")
    (row,) = results.filter(pair).rows(named=True)
    assert row["g_ood_condition"] == pytest.approx(0)
    assert row["g_ood_specimens"] == pytest.approx(row["g_ood"])
    assert row["g_ood"] == pytest.approx(row["cross_entropy"] - row["in_distribution_cross_entropy"])


def test_the_split_of_losses_by_hand() -> None:
    losses = {("home", "own"): 1.0, ("home", "new"): 1.5, ("away", "own"): 2.0, ("away", "new"): 4.0}
    rows = pl.DataFrame(
        {
            "network_id": "n",
            "cross_entropy": loss,
            "training_cross_entropy": 0.75,
            "conditions_id": condition,
            "own_conditions_id": "home",
            "source_id": source,
            "own_source_id": "own",
            "training_specimens": "a",
            "test_specimens": {"own": "a", "new": "b"}[source],
        }
        for (condition, source), loss in losses.items()
    )
    split = with_generalization(rows).rows(named=True)[-1]
    assert split["in_distribution_cross_entropy"] == 1.0
    assert (split["g_id"], split["g_ood"]) == (0.25, 3.0)
    assert (split["g_ood_condition"], split["g_ood_specimens"], split["g_ood_interaction"]) == (1.0, 0.5, 1.5)
    unknown = rows.filter(pl.col("source_id") == "new")
    missing = with_generalization(unknown).rows(named=True)[-1]
    assert [missing[name] for name in ("in_distribution_cross_entropy", "g_ood", "g_ood_specimens")] == [None] * 3
    without = rows.with_columns(pl.lit(None, pl.String).alias(f"{role}_specimens") for role in ("training", "test"))
    plain = with_generalization(without).rows(named=True)[-1]
    assert plain["g_ood"] == 2.5, "in a study without sets, losses compare on the same specimens"
    assert plain["g_ood_condition"] is None


FAULTS: list[tuple[list[dict[str, Any]], str]] = [
    ([{"name": "a"}], "is the only set"),
    ([{"name": "a"}, {"name": "b"}], "'b' has the same specimens as 'a'"),
    ([{"name": "a"}, {"name": "a", "specimens": {"margin_angstrom": 3.0}}], "used twice"),
    ([{"name": "all"}, {"name": "b", "specimens": {"margin_angstrom": 3.0}}], "'all' stands for several sets"),
    ([*SETS, {"name": "c", "mixture": ["CdSe", "Pd"]}], "mixes 'Pd', which is no set"),
    ([*SETS, {"name": "c", "mixture": ["CdSe", "wide"]}], "images of one set have one size"),
    ([*SETS, {"name": "c", "specimens": {"particles": {"crystal": "Xx"}}}], "c: specimens.particles.crystal"),
    ([*SETS, {"name": "c", "specimens": {"partikles": {"crystal": "Ag"}}}], "c: specimens.partikles: unknown key"),
    ([*SETS, {"name": "c", "specimens": {"cell_nm": [2.56, 3.84]}}], "make the cell square"),
    ([*SETS, {"name": "c", "specimens": {"particles": {"count": 0}}}], "c: specimens.particles.count"),
    ([*SETS, {"name": "c", "counts": {"test": 0}, "specimens": {"margin_angstrom": 3.0}}], "c: counts.test"),
    ([*SETS, {"name": "c", "series": "particles.crystal"}], "series and values belong together"),
]


@pytest.mark.parametrize(("sets", "words"), FAULTS, ids=[words for _, words in FAULTS])
def test_sets_that_make_no_sense_are_refused(given: dict[str, Any], sets: list[dict[str, Any]], words: str) -> None:
    free = {
        role: [{key: value for key, value in item.items() if key != "specimens"} for item in items]
        if isinstance(items, list)
        else items
        for role, items in given["conditions"].items()
    }
    with pytest.raises(ConfigurationError, match=words.replace("(", r"\(")) as error:
        study_of(given, specimen_sets=sets, conditions=free)
    assert len(str(error.value)) < 2000


@pytest.mark.parametrize(
    ("role", "value", "words"),
    [
        ("training", "own", "'own' is no specimen set"),
        ("test", "Pd", "'Pd' is no specimen set; allowed: own, all, CdSe, Ag, wide, both"),
        ("test", ["all", "Ag"], "names own or all and others"),
    ],
)
def test_conditions_for_specimens_that_are_not_there_are_refused(
    given: dict[str, Any], role: str, value: Any, words: str
) -> None:
    conditions = deepcopy(given["conditions"])
    conditions[role][0]["specimens"] = value
    with pytest.raises(ConfigurationError, match=words):
        study_of(given, specimen_sets=SETS, conditions=conditions)
    with pytest.raises(ConfigurationError, match="the study has none"):
        study_of(given, conditions=conditions)


@pytest.mark.slow
def test_a_killed_run_of_sets_goes_on(given: dict[str, Any], results: pl.DataFrame, tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(write_document({**given, "specimen_sets": SETS}))
    command = [sys.executable, "-m", "temshift.cli.app", "run", "study.yaml", "--output", "out", "--workers", "1"]
    running = subprocess.Popen(command, cwd=tmp_path, start_new_session=True, stderr=subprocess.DEVNULL)
    while running.poll() is None and not list((tmp_path / "out" / "networks").glob("*/network.json")):
        time.sleep(0.05)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    again = read_results(tmp_path / "out")
    assert again.drop("score_id").equals(results.drop("score_id"))


def test_another_material_of_the_substrate_brings_its_own_numbers(given: dict[str, Any]) -> None:
    """A series over materials: thickness stays for films, carbon's density and distance do not go along."""
    sets = [
        {"name": "{value}", "series": "substrate.material", "values": ["carbon", "silicon_nitride", "graphene"]},
        {"name": "vacuum", "specimens": {"substrate": "none"}},
        {"name": "below", "specimens": {"particles": {"side": "entrance"}}},
    ]
    study = study_of(
        given,
        specimen_sets=sets,
        specimens=merged(given["specimens"], {"substrate": {"density_g_per_cm3": 1.9}}),
        exit_waves=merged(given["exit_waves"], {"phonons": None}),
        conditions={"training": [{"name": "near", **NEAR}], "test": [{"name": "near", **NEAR}]},
    )
    supports = {part.specimens: part.study.specimens.substrate.model_dump(mode="json") for part in Plan(study).parts}
    assert supports["carbon"]["density_g_per_cm3"] == supports["below"]["density_g_per_cm3"] == 1.9
    assert supports["silicon_nitride"]["density_g_per_cm3"] == 3.0
    assert supports["silicon_nitride"]["thickness_nm"] == supports["carbon"]["thickness_nm"]
    assert set(supports["graphene"]) == {"material", "layers", "stacking", "rotation_deg"}
    assert supports["vacuum"] == "none"
    again = parse_configuration(write_document(study.resolved()), Study, "resolved.yaml")
    assert [part.databases["test"].id for part in Plan(again).parts] == [
        part.databases["test"].id for part in Plan(study).parts
    ]


SIZES = [
    ({"minimum": 0.5, "maximum": 0.6}, {"uniform": {"minimum": 0.5, "maximum": 0.6}}),
    ({"uniform": {"minimum": 0.5, "maximum": 0.6}}, {"uniform": {"minimum": 0.5, "maximum": 0.6}}),
    ({"maximum": 0.9}, {"uniform": {"minimum": 0.4, "maximum": 0.9}}),
    ({"normal": {"mean": 0.5, "sd": 0.01}}, {"normal": {"mean": 0.5, "sd": 0.01, "minimum": 0.47, "maximum": 0.53}}),
    (0.5, 0.5),
]


@pytest.mark.parametrize(("radius", "expected"), SIZES, ids=str)
def test_a_set_writes_its_sizes_in_any_form(given: dict[str, Any], radius: Any, expected: Any) -> None:
    changed = deepcopy(given)
    changed["specimens"]["particles"]["radius_nm"] = {"minimum": 0.4, "maximum": 0.5}
    changed["specimen_sets"] = [*SETS, {"name": "sized", "specimens": {"particles": {"radius_nm": radius}}}]
    sized = members_of(parse_configuration(write_document(changed), Study, "study.yaml"))["sized"].specimens
    assert isinstance(sized, SpecimenRecipe) and sized.particles is not None
    assert sized.particles.model_dump(mode="json")["radius_nm"] == expected
