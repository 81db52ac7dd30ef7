"""What a study expands to, and what the names of its parts depend on."""

import math
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from temshift.configuration.model import ConfigurationError, load_configuration, parse_configuration
from temshift.configuration.yaml_document import read_document, write_document
from temshift.core.hashes import file_hash
from temshift.studies import Plan, Study
from temshift.studies.planning.part import score_id

ROOT = Path(__file__).parents[2]


@pytest.fixture
def given(tiny_text: str) -> dict[str, Any]:
    data = read_document(tiny_text).data
    assert isinstance(data, dict)
    return deepcopy(data)


def plan_of(given: dict[str, Any]) -> Plan:
    return Plan(parse_configuration(write_document(given), Study, "study.yaml"))


def ids(plan: Plan) -> list[str]:
    return [run.id for run in plan.networks]


def test_a_study_expands_to_distributions_seeds_and_every_combination_of_swept_settings(given: dict[str, Any]) -> None:
    given |= {"seeds": 3, "sweep": {"training.learning_rate": [1e-2, 1e-3], "network": [{"stem": 4}, {"stem": 2}]}}
    plan = plan_of(given)
    assert len(plan.networks) == len(set(ids(plan))) == 4 * 3 * 2 * 2
    assert len(plan.databases) == 2
    rates = {(run.settings["training.learning_rate"], run.training.learning_rate) for run in plan.networks}
    assert rates == {(1e-2, 1e-2), (1e-3, 1e-3)}
    assert {run.network.stem for run in plan.networks} == {4, 2}
    assert plan.networks[0].name == "defocus -10 nm, learning_rate 0.01, network stem 4"


def test_a_swept_study_reads_back_alike(given: dict[str, Any]) -> None:
    given["sweep"] = {"training.learning_rate": [1e-2, 1e-3]}
    study = plan_of(given).study
    assert parse_configuration(write_document(study.resolved()), Study, "study.yaml") == study


@pytest.mark.parametrize(
    "sweep",
    [
        {"network.kind": ["compact", "resnet18"]},
        {"training.epochs": [1, 2]},
        {"training.schedule": ["decay"], "training.decay_per_epoch": [0.9, 0.99]},
        {"training.optimiser": ["adam", "adamw"]},
        {"network.stem": [2, 4], "network": [{"widths": [8]}]},
    ],
)
def test_what_is_left_out_follows_what_is_swept(given: dict[str, Any], sweep: dict[str, Any]) -> None:
    """Defaults depend on kind, schedule, length and optimiser; the study with its defaults means the same networks."""
    del given["training"]
    plan = plan_of(given | {"sweep": sweep})
    again = Plan(parse_configuration(write_document(plan.study.resolved()), Study, "study.yaml"))
    assert ids(again) == ids(plan) and len(set(ids(plan))) == 4 * len(plan.parts) == 4 * math.prod(
        map(len, sweep.values())
    )
    decays = {run.training.optimiser: run.training.weight_decay for run in plan.networks}
    assert decays.get("adam", 0.0) == 0 and decays["adamw"] == 0.01
    assert plan.study.sweep == sweep


def test_a_batch_of_one_pixel_is_refused_and_padding_remarked(given: dict[str, Any]) -> None:
    given |= {"network": {"widths": [4, 4, 4, 4], "stem": 8}, "training": {"steps": 2, "batch": 1}}
    with pytest.raises(
        ConfigurationError, match=r"training.batch: given 1; an image of \(64, 64\) pixels has one left"
    ):
        plan_of(given)
    deep = given | {"network": {"widths": [4, 4, 4, 4, 4], "stem": 8}, "training": {"steps": 2, "batch": 2}}
    assert any("pads images of 64 x 64 pixels to 128 x 128" in text for text in plan_of(deep).study.remarks())
    assert not any("pads" in text for text in plan_of(given | {"training": {"batch": 2}}).study.remarks())


def test_one_value_of_a_sweep_names_the_network_that_a_study_without_it_has(given: dict[str, Any]) -> None:
    alone = plan_of(given | {"training": given["training"] | {"learning_rate": 1e-3}})
    swept = plan_of(given | {"sweep": {"training.learning_rate": [1e-2, 1e-3]}})
    assert set(ids(alone)) < set(ids(swept))


def test_specimens_can_be_swept_each_with_its_own_databases(given: dict[str, Any]) -> None:
    given["sweep"] = {"specimens.particles.crystal": ["CdSe", "Ag"]}
    plan = plan_of(given)
    assert len(plan.databases) == 4
    assert len({run.source.database for run in plan.networks}) == 2
    first, second = plan.parts
    assert not {test.id for test in first.tests} & {test.id for test in second.tests}


def test_swept_optimisers_have_the_weight_decay_that_is_told(given: dict[str, Any]) -> None:
    sweep = {"training.optimiser": ["adam", "adamw"]}
    for change in ({"training": given["training"] | {"weight_decay": 0.1}}, {}):
        swept = sweep if change else sweep | {"training.weight_decay": [0.1]}
        assert {run.training.weight_decay for run in plan_of(given | change | {"sweep": swept}).networks} == {0.1}


@pytest.mark.parametrize(("swept", "other"), [("steps", "epochs"), ("epochs", "steps")])
def test_swept_lengths_of_training_replace_the_one_that_is_given(given: dict[str, Any], swept: str, other: str) -> None:
    given["training"] = {"batch": 4, other: 7}
    plan = plan_of(given | {"sweep": {f"training.{swept}": [2, 3]}})
    assert {getattr(run.training, swept) for run in plan.networks} == {2, 3}
    assert {getattr(run.training, other) for run in plan.networks} == {None}


def starting_from(given: dict[str, Any], weights: Path, **more: Any) -> dict[str, Any]:
    return given | {"training": given["training"] | {"initial": {"weights": str(weights)}}} | more


def test_initial_weights_are_pinned_to_the_file_that_names_the_network(given: dict[str, Any], tmp_path: Path) -> None:
    """What the study folder keeps names the same networks, also where the file is out of reach or another by then."""
    first, second = (tmp_path / name for name in ("first.safetensors", "second.safetensors"))
    for file in (first, second):
        file.write_bytes(file.name.encode())
    plan = plan_of(starting_from(given, first))
    assert {run.training.initial.sha256 for run in plan.networks} == {file_hash(first)}
    kept, swept = (
        write_document(plan_of(starting_from(given, first, sweep=sweep)).study.resolved())
        for sweep in ({}, {"training.initial.weights": [str(first), str(second)]})
    )
    both = ids(Plan(parse_configuration(swept, Study, "study.yaml")))
    assert set(ids(plan)) < set(both) and len(set(both)) == 2 * len(ids(plan))
    first.write_bytes(b"another")
    assert set(ids(plan_of(starting_from(given, first)))).isdisjoint(ids(plan))
    first.unlink()
    assert ids(Plan(parse_configuration(kept, Study, "study.yaml"))) == ids(plan)


@pytest.mark.parametrize(
    ("sweep", "message"),
    [
        ({"training.learning_rat": [1]}, "sweep.training.learning_rat.0: training.learning_rat: unknown key"),
        ({"training.learning_rate": [5]}, "training.learning_rate: given 5; must be less than or equal to 1"),
        ({"conditions.default": [{}]}, "those of all items can, by a key such as conditions.default.dose_e_per_A2"),
        ({"conditions": [{}]}, "can't be swept; "),
        ({"training.learning_rate": []}, "needs at least 1 item"),
        ({"training.keep": ["best"]}, "lacks validation: specimens that training keeps the best weights by"),
        ({"training.learning_rate.warm": [1]}, "training.learning_rate: given a mapping; must be a number"),
        ({"training.learning_rate": [1e-3, 0.001]}, "sweep.training.learning_rate.1: stands here twice"),
        (
            {"training.schedule": ["decay", "one_cycle"], "training.decay_per_epoch": [1.0, 0.9]},
            "sweep: schedule one_cycle, decay_per_epoch 0.9 can't be together: training: decay_per_epoch needs",
        ),
        (
            {"network": [{"kind": "resnet18", "width": 8}, {"stem": 2}], "network.widths": [[8], [16]]},
            "sweep: network kind resnet18 width 8, widths [8] can't be together: network.widths: unknown key",
        ),
    ],
)
def test_what_can_not_be_swept_is_told_with_its_value(
    given: dict[str, Any], sweep: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        plan_of(given | {"sweep": sweep})
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("section", "change", "same"),
    [
        ("training", {"keep": "none"}, True),
        ("training", {"learning_rate": 1e-3}, False),
        ("training", {"images": "fixed"}, False),
        ("training", {"precision": "bfloat16"}, False),
        ("network", {"normalisation": "group"}, False),
        ("counts", {"test": 9}, True),
        ("counts", {"validation": 4}, True),
        ("counts", {"training": 25}, False),
    ],
)
def test_a_network_is_named_by_what_its_training_depends_on(
    given: dict[str, Any], section: str, change: dict[str, Any], same: bool
) -> None:
    before = ids(plan_of(given))
    after = ids(plan_of(given | {section: given.get(section, {}) | change}))
    assert (before == after) is same
    assert same or not set(before) & set(after)


def test_validation_images_name_the_networks_that_are_watched_on_them(given: dict[str, Any]) -> None:
    given["training"] = given["training"] | {"keep": "best"}
    few, many = (plan_of(given | {"counts": given["counts"] | {"validation": count}}) for count in (4, 5))
    assert not set(ids(few)) & set(ids(many))
    assert {run.validation.database for run in few.networks} == {few.parts[0].databases["validation"].id}


def test_all_test_conditions_are_those_of_the_test_specimens(given: dict[str, Any]) -> None:
    few, many = (plan_of(given | {"counts": given["counts"] | {"test": count}}) for count in (8, 9))
    names = [{test.id for run in plan.networks for test in plan.tests_of[run.id]} for plan in (few, many)]
    assert not names[0] & names[1]
    places = {test.source.database for run in few.networks for test in few.tests_of[run.id]}
    assert places == {few.parts[0].databases["test"].id}


@pytest.mark.parametrize(
    ("version", "trained", "scored"),
    [
        ("temshift.studies.planning.part.TRAINING_VERSION", True, False),
        ("temshift.studies.planning.part.OPTICS_VERSION", True, False),
        ("temshift.studies.planning.part.DATASETS_VERSION", True, False),
        ("temshift.scoring.scored_images.OPTICS_VERSION", False, True),
        ("temshift.scoring.scored_images.DATASETS_VERSION", False, True),
        ("temshift.scoring.scored_images.SCORES_VERSION", False, True),
    ],
)
def test_a_version_that_changes_results_changes_names(
    given: dict[str, Any], monkeypatch: pytest.MonkeyPatch, version: str, trained: bool, scored: bool
) -> None:
    networks, tests = ids(plan_of(given)), [test.id for test in plan_of(given).parts[0].tests]
    monkeypatch.setattr(version, 99)
    assert bool(set(networks) & set(ids(plan_of(given)))) is not trained
    assert bool(set(tests) & {test.id for test in plan_of(given).parts[0].tests}) is not scored


def test_the_size_of_cohorts_changes_no_name(given: dict[str, Any]) -> None:
    plan = plan_of(given | {"cohort": 3})
    assert ids(plan) == ids(plan_of(given))
    assert [len(cohort) for cohort in plan.cohorts] == [3, 1]


def test_every_network_is_scored_under_its_own_distribution_too_and_nowhere_twice(given: dict[str, Any]) -> None:
    plan = plan_of(given)
    (part,) = plan.parts
    listed = {test.id for test in part.tests}
    scored = {run.name: [test.id for test in plan.tests_of[run.id]] for run in plan.networks}
    assert all(len(found) == len(set(found)) for found in scored.values())
    assert set(scored["defocus -10 nm"]) == listed  # it is listed: defocus -10 nm, the same spread
    (own,) = set(scored["broad"]) - listed
    assert own == part.own_tests["broad"].id
    assert plan.evaluations == 4 * 7 + 1


def test_each_swept_optimiser_has_its_own_weight_decay_where_none_is_given(given: dict[str, Any]) -> None:
    plan = plan_of(given | {"sweep": {"training.optimiser": ["adam", "adamw"]}})
    assert {(run.training.optimiser, run.training.weight_decay) for run in plan.networks} == {
        ("adam", 0),
        ("adamw", 0.01),
    }
    saved = Plan(parse_configuration(write_document(plan.study.resolved()), Study, "study.yaml"))
    assert ids(saved) == ids(plan)


def test_scores_are_named_by_network_and_test() -> None:
    assert score_id("a", "b") != score_id("b", "a")


@pytest.mark.slow
def test_the_published_defocus_series() -> None:
    """11 defoci, 2 learning rates, 3 initialisations of a U-Net of 14 million parameters, as PROTOCOL says."""
    study = load_configuration(ROOT / "examples" / "defocus_study.yaml", Study)
    plan = Plan(study)
    assert len(plan.networks) == 11 * 2 * 3
    assert plan.evaluations == 11 * 2 * 3 * 11
    centers = sorted({run.conditions.centers()["defocus_nm"] for run in plan.networks})
    assert centers == [-25, -20, -15, -10, -5, 0, 5, 10, 15, 20, 25]
    settings = study.training
    assert (settings.optimiser, settings.epochs, settings.batch, settings.decay_per_epoch) == ("adam", 10, 16, 0.99)
    assert (settings.images, settings.augmentation, study.counts.training) == ("fixed", "dihedral", 512)
    assert {run.training.learning_rate for run in plan.networks} == {1e-3, 1e-4}
    assert settings.steps_in_all(512) == 320


def test_phonons_are_drawn_from_several_configurations_alone(given: dict[str, Any]) -> None:
    given["training"] = {**given.get("training", {}), "phonons": "drawn"}
    with pytest.raises(ConfigurationError, match="drawn, but waves have one configuration") as caught:
        plan_of(given)
    assert [fault.key for fault in caught.value.faults] == ["training.phonons"]
    rms = {"Cd": 0.12, "Se": 0.1, "C": 0.08}
    given["exit_waves"] = {**given["exit_waves"], "phonons": {"configurations": 2, "rms_displacement_angstrom": rms}}
    drawn = plan_of(given)
    del given["training"]["phonons"]
    assert set(ids(drawn)).isdisjoint(ids(plan_of(given)))
    assert list(drawn.databases) == list(plan_of(given).databases)
