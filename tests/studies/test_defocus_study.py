"""examples/defocus_study.yaml, the published series, made small enough to run whole."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from temshift.configuration.model import parse_configuration
from temshift.configuration.yaml_document import read_document, write_document
from temshift.networks import load
from temshift.storage.files import read_json
from temshift.studies import Plan, Study, StudyFolder, run_study

ROOT = Path(__file__).parents[2]
DEFOCI = [-20, 0, 20]


def reduced() -> Study:
    """The same keys: a smaller cell, fewer specimens and phonons, a narrower network, two epochs of three defoci."""
    given: Any = read_document((ROOT / "examples" / "defocus_study.yaml").read_text()).data
    data = deepcopy(given)
    data["counts"] = {"training": 8, "test": 3, "per_shard": 4}
    data["specimens"] |= {"cell_nm": [3.2, 3.2]}
    data["specimens"]["substrate"] |= {"thickness_nm": 1.0}
    data["specimens"]["particles"] |= {"radius_nm": 0.8, "count": 1, "gap_nm": 0.3, "stacking_faults": 0}
    data["exit_waves"] |= {"sampling_angstrom": 0.2, "stored_sampling_angstrom": 0.4}
    data["exit_waves"]["mask"] = {"definition": "outline"}
    data["exit_waves"]["phonons"]["configurations"] = 2
    data["conditions"]["default"]["semiangle_cutoff_mrad"] = 12.0
    for role in ("training", "test"):
        data["conditions"][role][0]["values"] = DEFOCI
    data["network"]["width"] = 8
    data["training"] |= {"epochs": 2, "batch": 4}
    data["information"] = {"specimens": 4, "draws": 16, "observers": False}
    return parse_configuration(write_document(data), Study, "defocus_study.yaml")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    return run_study(reduced(), tmp_path_factory.mktemp("defocus") / "study", workers=2)


@pytest.mark.slow
def test_the_series_runs_from_atoms_to_report(folder: StudyFolder) -> None:
    plan = Plan(reduced())
    results = pl.read_parquet(folder.table("results"))
    assert len(plan.networks) == 3 * 3 * 2
    assert len(results) == len(plan.networks) * 3
    assert results["in_study"].all()
    assert results["cross_entropy"].is_finite().all()
    assert results.group_by("training.learning_rate").len().sort("training.learning_rate").rows() == [
        (1e-4, 27),
        (1e-3, 27),
    ]
    assert folder.report.stat().st_size > 0
    assert read_json(folder.manifest)["failed"] == 0


@pytest.mark.slow
def test_networks_trained_for_the_same_are_told_apart_by_rate_and_seed(folder: StudyFolder) -> None:
    results = pl.read_parquet(folder.table("results"))
    assert results["network_id"].n_unique() == 18
    assert results.group_by("training_name").agg(pl.col("seed").n_unique())["seed"].to_list() == [3] * 6
    assert results["cross_entropy"].n_unique() == len(results)


@pytest.mark.slow
def test_in_distribution_nothing_is_lost_to_the_conditions(folder: StudyFolder) -> None:
    results = pl.read_parquet(folder.table("results"))
    at_home = results.filter(pl.col("training_defocus_nm") == pl.col("test_defocus_nm"))
    assert len(at_home) == 18
    assert (at_home["g_ood"] == 0).all()
    gaps = at_home["cross_entropy"] - at_home["training_cross_entropy"]
    assert (at_home["g_id"] - gaps).abs().max() < 1e-12  # type: ignore[operator]


@pytest.mark.slow
def test_every_network_has_a_history_and_can_be_loaded(folder: StudyFolder) -> None:
    for run in Plan(reduced()).networks:
        place = folder.network(run.id)
        history, rate = pl.read_parquet(place / "history.parquet"), run.training.learning_rate
        assert history["steps"].to_list() == [2, 4]
        assert history["learning_rate"].to_list() == pytest.approx([rate, 0.99 * rate])
    network = load(place)
    assert type(network).__name__ == "ResNetUNet"
    assert not network.training
