"""A predictor that is fitted to scores of a known law finds the law, keeps it in a file, and answers from it."""

import json
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from temshift.atlas import FILE, IN_DISTRIBUTION, Atlas, read_predictor
from temshift.conditions import ImagingConditions
from temshift.core import DamagedError, InputError
from temshift.workflows import design_from_atlas, predict_from_atlas

sys.path.insert(0, str(Path(__file__).parent))  # importlib mode does not look beside the tests

from made_atlas import COUNT, KIND, NOISE, Made

pytestmark = pytest.mark.slow  # portraits take a second each


def test_a_law_of_the_observer_is_found_on_regions_left_out(made: Made) -> None:
    judged = {one.left_out: one for one in read_predictor(made.folder / FILE).judgements["ln_cross_entropy"]}
    both = judged["both fifths"]
    assert both.cells == COUNT * COUNT
    assert both.line_explained > 0.99 and both.explained > 0.95
    assert both.covered is None or 0.8 <= both.covered <= 1


def test_a_file_predicts_as_the_fit_did(made: Made, tmp_path: Path) -> None:
    predictor = read_predictor(made.folder / FILE)
    first = predictor.predict(made.cells.table)
    predictor.write(tmp_path / FILE)
    second = read_predictor(tmp_path / FILE).predict(made.cells.table)
    assert first.keys() == second.keys()
    for name, values in first.items():
        np.testing.assert_array_equal(values, second[name])
    tested = made.cells.test != IN_DISTRIBUTION
    off = np.log(first["cross_entropy"][tested]) - made.cells.targets["ln_cross_entropy"][tested]
    assert np.sqrt(np.mean(off**2)) < 2 * NOISE


def test_a_question_is_answered_with_intervals_and_neighbours(made: Made) -> None:
    training, test = list(made.space.trainings)[3], list(made.space.tests)[5]
    forecast = predict_from_atlas(
        {training: made.space.trainings[training]},
        {test: made.space.tests[test]},
        specimens=KIND,
        folder=made.folder,
    )
    (row,) = forecast.table.to_dicts()
    assert np.log(row["cross_entropy"]) == pytest.approx(made.law[3, 5], abs=6 * NOISE)
    assert row["inside"] and row["reasons"] == []
    first = forecast.nearest.to_dicts()[0]
    assert (first["neighbour"], first["neighbour_test"]) == (training, test)
    assert first["distance"] == pytest.approx(0, abs=1e-9) and first["test_distance"] == pytest.approx(0, abs=1e-9)
    assert np.log(first["cross_entropy"]) == pytest.approx(made.law[3, 5], abs=6 * NOISE)


def test_conditions_far_away_are_called_outside(made: Made) -> None:
    at = made.space.trainings[next(iter(made.space.trainings))]
    far = ImagingConditions(**at.model_dump(mode="json", exclude_none=True) | {"defocus_nm": 3000.0})
    (row,) = predict_from_atlas({"far": far}, {"here": at}, folder=made.folder).table.to_dicts()
    assert not row["inside"] and any("defocus" in reason for reason in row["reasons"])


def test_a_design_ranks_by_predicted_regret(made: Made) -> None:
    names = list(made.space.tests)[:3]
    chosen = design_from_atlas({name: made.space.tests[name] for name in names}, folder=made.folder)
    assert len(chosen.ranking) == COUNT and chosen.ranking["regret"].is_sorted()
    regret = np.exp(made.law[:, :3] - made.law[:, :3].min(axis=0)).max(axis=1)
    best = list(made.space.trainings)[int(regret.argmin())]
    order = chosen.ranking["training_name"].to_list()
    assert order.index(best) < 3


def test_an_unknown_kind_and_altered_files_are_refused(made: Made, tmp_path: Path) -> None:
    test = {"here": made.space.tests[next(iter(made.space.tests))]}
    with pytest.raises(InputError, match="the atlas has no specimens 'Unobtainium'"):
        predict_from_atlas(test, test, specimens="Unobtainium", folder=made.folder)
    plain = json.loads((made.folder / FILE).read_text(encoding="utf-8"))
    for name, changed in {"old": plain | {"version": 0}, "cut": {"version": plain["version"]}}.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(changed), encoding="utf-8")
        with pytest.raises(DamagedError, match=r"atlas_fit\.py"):
            read_predictor(tmp_path / f"{name}.json")


def test_tables_are_read_as_one(atlas: Atlas) -> None:
    assert (atlas.parts, len(atlas.networks)) == (2, COUNT)
    cells = atlas.cells()
    assert len(cells) == COUNT * (COUNT + 1)
    assert cells.filter(pl.col("test_name") == IN_DISTRIBUTION)["logit_f1"].null_count() == COUNT
