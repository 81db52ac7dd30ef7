"""Parts of a study: made apart, in any order, and joined to what one run makes."""

import itertools
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from temshift.cli.verbs.results import results as print_results
from temshift.configuration.yaml_document import read_document, write_document
from temshift.core.errors import DamagedError, InputError
from temshift.networks.stored import holds_weights
from temshift.studies import Plan, Study, StudyFolder, list_runs, read_parts, read_results, run_study
from temshift.studies.analysis.part_tables import NETWORKS_FILE, RESULTS_FILE, part_words
from temshift.studies.running import run

SPACE: dict[str, Any] = {
    "parameters": {"dose_e_per_A2": {"center": {"loguniform": {"minimum": 100, "maximum": 1000}}, "sigma": 0.2}},
    "branches": [
        [
            {"defocus_nm": {"center": -10, "sd": {"uniform": {"minimum": 0.5, "maximum": 4}}}},
            {"defocus_nm": {"center": {"uniform": {"minimum": 5, "maximum": 10}}}},
        ]
    ],
}
CHANGES: dict[str, Any] = {
    "counts": {"training": 4, "test": 3, "per_shard": 4},
    "training": {"steps": 3, "batch": 2, "keep": "none"},
    "network": {"widths": [4], "stem": 4},
    "seeds": 2,
    "cohort": 3,
    "sweep": {"specimens.particles.crystal": ["CdSe", "Ag"]},
    "information": {"specimens": 2, "draws": 8, "observers": False},
    "conditions": {
        "default": {"semiangle_cutoff_mrad": 12.0, "focal_spread_sigma_nm": 1.0},
        "space": SPACE,
        "training": [{"name": "training {value:g}", "drawn": {"count": 3, "seed": 7}}],
        "test": [{"name": "test {value:g}", "drawn": {"count": 2, "seed": 8}}],
    },
}


@pytest.fixture(scope="module")
def make(tiny_text: str) -> Callable[..., Study]:
    def make_one(**changes: Any) -> Study:
        return Study.model_validate(deepcopy(read_document(tiny_text).data) | CHANGES | changes)

    return make_one


@pytest.fixture(scope="module")
def study(make: Callable[..., Study]) -> Study:
    """Twelve networks: three drawn distributions, two crystals, two seeds."""
    return make()


@pytest.fixture(scope="module")
def whole(study: Study, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All networks in one run, without the report, which parts have none of."""
    place = tmp_path_factory.mktemp("whole") / "study"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "conclude", lambda *_: None)
        run_study(study, place, workers=0)
    return place


@pytest.fixture(scope="module")
def parts(study: Study, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three parts, the last one first, each in a folder of its own."""
    root = tmp_path_factory.mktemp("parts")
    ranges = {name: range(*ends) for name, ends in {"c": (7, 12), "a": (0, 3), "b": (3, 7)}.items()}
    for name, numbers in ranges.items():
        run_study(study, root / name, workers=0, networks=numbers)
    return [StudyFolder(root / name).part(ranges[name].start, ranges[name].stop) for name in "abc"]


def test_numbers_count_distribution_by_distribution_with_every_crystal_and_seed(study: Study) -> None:
    named = [(run.name, run.seed) for run in Plan(study).numbered]
    expected = [
        (f"training {number}, crystal {crystal}", seed)
        for number in (1, 2, 3)
        for crystal in ("CdSe", "Ag")
        for seed in (0, 1)
    ]
    assert named == expected


def test_joined_parts_have_the_bits_of_one_run(whole: Path, parts: list[Path], tmp_path: Path) -> None:
    for name, places in {"joined": parts, "backwards": parts[::-1], "one": [whole]}.items():
        print_results(places, tmp_path / f"{name}.parquet", every=False)
    files = [(tmp_path / f"{name}.parquet").read_bytes() for name in ("joined", "backwards", "one")]
    assert files[0] == files[1] == files[2]
    rows = pl.read_parquet(tmp_path / "one.parquet")
    assert len(rows) == 12 * 2 and rows["cross_entropy"].is_finite().all()


def test_tables_of_parts_join_to_those_of_the_whole_wherever_they_are_cut(
    whole: Path, parts: list[Path], tmp_path: Path
) -> None:
    print_results([parts[0], parts[2].parents[1]], tmp_path / "two", every=False)  # tables, and a study folder
    print_results([tmp_path / "two", parts[1]], tmp_path / "three", every=False)
    print_results([whole], tmp_path / "whole", every=False)
    for name in (RESULTS_FILE, NETWORKS_FILE):
        assert (tmp_path / "three" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_part_has_the_waves_and_the_networks_that_it_needs_and_no_weights(study: Study, parts: list[Path]) -> None:
    folder = StudyFolder(parts[0].parents[1])
    chosen = Plan(study, [range(3)])
    assert {path.name for path in folder.networks.iterdir()} == {run.id for run in Plan(study).numbered[:3]}
    assert not any(holds_weights(folder.network(run.id)) for run in chosen.networks)
    assert {path.name for path in (folder.root / "waves").iterdir()} == set(chosen.databases)
    first = Plan(study, [range(1)])
    assert set(first.databases) == {waves.id for waves in Plan(study).parts[0].databases.values()}
    assert [state for _, state, _ in list_runs(folder.root)] == ["done"] * 3


def test_every_network_stands_with_centre_and_spread_of_all_that_it_was_trained_on(parts: list[Path]) -> None:
    networks = pl.concat([pl.read_parquet(part / NETWORKS_FILE) for part in parts])
    assert networks["number"].to_list() == list(range(12))
    assert (networks["training_dose_sd_e_per_A2"] > 0).all()
    assert networks["training_dose_e_per_A2"].is_between(100, 1000).all()
    fixed = networks.filter(pl.col("training_defocus_nm") > 0)
    assert 0 < len(fixed) < 12 and (fixed["training_defocus_sd_nm"] == 0).all()
    assert networks["cpu"].null_count() == 0


def test_what_is_missing_is_told_with_the_option_that_makes_it(parts: list[Path]) -> None:
    two = read_parts([parts[0], parts[2]])
    lacking, made = part_words(two.networks, two.count)
    assert lacking == "4 of 12 networks are missing: --networks 3:7"
    assert made.startswith("networks were made on 1 type of CPU: 8 on ")
    whole = read_parts(parts)
    assert len(part_words(whole.networks, whole.count)) == 1


def test_a_part_goes_on_after_a_fault_and_keeps_what_is_there(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers, calls = range(4, 6), itertools.count()
    real = run.run_states

    def ended(*given: Any, **options: Any) -> Any:
        if next(calls) == 0:
            raise KeyboardInterrupt
        return real(*given, **options)

    monkeypatch.setattr(run, "run_states", ended)
    with pytest.raises(KeyboardInterrupt):
        run_study(study, tmp_path / "part", workers=0, networks=numbers)
    assert [state for _, state, _ in list_runs(tmp_path / "part")] == ["waiting"] * 2
    run_study(study, tmp_path / "part", workers=0, networks=numbers)
    cards = sorted((tmp_path / "part" / "networks").glob("*/network.json"))
    before = [card.stat().st_mtime_ns for card in cards]
    run_study(study, tmp_path / "part", workers=0, networks=range(4, 7))  # one more, in the same folder
    assert [card.stat().st_mtime_ns for card in cards] == before
    assert read_results(tmp_path / "part")["network_id"].n_unique() == 3


def test_parts_of_different_studies_are_refused(make: Callable[..., Study], parts: list[Path], tmp_path: Path) -> None:
    other = make(training=CHANGES["training"] | {"steps": 4})
    run_study(other, tmp_path / "other", workers=0, networks=range(1))
    for places in ([parts[0], tmp_path / "other"], [StudyFolder(tmp_path / "other").part(0, 1), parts[1]]):
        for read in (read_parts, lambda places: read_results(*places)):
            with pytest.raises(InputError, match="are parts of different studies"):
                read(places)


def test_an_altered_table_of_a_part_is_refused(parts: list[Path], tmp_path: Path) -> None:
    print_results([parts[0]], tmp_path / "part", every=False)
    table = tmp_path / "part" / RESULTS_FILE
    table.write_bytes(table.read_bytes()[:-9])
    with pytest.raises(DamagedError, match="temshift run with the same --networks"):
        read_results(tmp_path / "part")


def test_numbers_beyond_the_study_are_refused_before_anything_is_made(study: Study, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--networks 12:20: the study has 12 networks"):
        run_study(study, tmp_path / "part", workers=0, networks=range(12, 20))
    assert not (tmp_path / "part").exists()


def test_drawn_studies_read_back_alike(study: Study) -> None:
    again = Study.model_validate(read_document(write_document(study.resolved())).data)
    assert [run.id for run in Plan(again).networks] == [run.id for run in Plan(study).networks]
