"""Pieces of the atlas, each against an independent implementation."""

import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor

from temshift.atlas import AXES, AtlasSpace, library_of, location, portrait_of, read_atlas
from temshift.atlas.pairs import DISTANCE, FEATURES
from temshift.atlas.regions import regions_of
from temshift.atlas.score_model import widths_of
from temshift.atlas.trees import SETTINGS, Trees, grow
from temshift.conditions import ImagingConditions
from temshift.core import InputError
from temshift.information import information_of, spectral_distance
from temshift.storage import write_table

sys.path.insert(0, str(Path(__file__).parent))  # importlib mode does not look beside the tests

from made_atlas import COUNT, KIND, part_table


def test_trees_are_those_of_scikit_learn() -> None:
    random = np.random.default_rng(0)
    table = random.normal(size=(600, 5))
    target = np.sin(2 * table[:, 0]) + table[:, 1] * table[:, 2]
    ours = grow(table, target, seed=3)
    theirs = HistGradientBoostingRegressor(**SETTINGS, random_state=3).fit(table, target)
    new = random.normal(size=(500, 5))
    np.testing.assert_allclose(ours.predict(new), theirs.predict(new), atol=1e-9)
    np.testing.assert_allclose(Trees.from_dict(ours.as_dict()).predict(new), theirs.predict(new), atol=1e-4)


def test_regions_are_equally_filled_and_compact() -> None:
    points = np.random.default_rng(1).normal(size=(103, 3)) * [1, 10, 0.1]
    regions = regions_of(points, count=5)
    counts = np.bincount(regions.codes)
    assert counts.min() >= 20 and counts.max() <= 21
    scaled = points / points.std(axis=0)
    within = np.mean([scaled[regions.codes == code].var(axis=0).sum() for code in range(5)])
    assert within < 0.75 * scaled.var(axis=0).sum()
    with pytest.raises(ValueError, match="can't fill 5 regions"):
        regions_of(points[:4], count=5)


def test_where_a_distribution_lies() -> None:
    conditions = ImagingConditions(
        defocus_nm={"normal": {"mean": -12, "sd": 3}},
        dose_e_per_A2={"lognormal": {"median": 200, "sigma": 0.5}},
        C12_nm=4,
        mtf_half_frequency=0.4,
    )
    place = dict(zip(AXES, location(conditions), strict=True))
    assert place["defocus_nm"] == pytest.approx(-12)
    assert place["ln(1 + sd of defocus_nm)"] == pytest.approx(np.log(4))
    assert place["ln C12_nm"] == pytest.approx(np.log(4))
    assert place["1 / mtf_half_frequency"] == pytest.approx(2.5)
    spread = np.sqrt(np.exp(0.25) - 1) * np.exp(0.125)  # of a lognormal, over its median
    assert place["sd of dose_e_per_A2 / centre"] == pytest.approx(spread, rel=0.2)


def test_other_microscopes_are_named(space: AtlasSpace) -> None:
    own = next(iter(space.tests.values()))
    assert space.foreign_words(own) == []
    narrow = ImagingConditions(**own.model_dump(mode="json", exclude_none=True) | {"semiangle_cutoff_mrad": 10.0})
    assert any("semiangle_cutoff_mrad" in word for word in space.foreign_words(narrow))


@pytest.mark.slow
def test_the_distance_of_portraits_is_d(space: AtlasSpace) -> None:
    library = library_of(KIND)
    one, other = (space.tests[name] for name in list(space.tests)[:2])
    first, second = (portrait_of(conditions, library, space.survey) for conditions in (one, other))
    ours = float(np.linalg.norm(first.spectrum - second.spectrum))
    objects = library.resampled(library.q[library.q <= space.survey.highest]).mean
    known = [information_of(space.survey, conditions, objects) for conditions in (one, other)]
    assert ours == pytest.approx(spectral_distance(*known), rel=0.1)


def test_intervals_hold_their_share() -> None:
    random = np.random.default_rng(2)
    table = np.zeros((4000, len(FEATURES)))
    table[:, FEATURES.index(DISTANCE)] = random.uniform(0, 2, 4000)
    scale = 0.1 + 0.2 * table[:, FEATURES.index(DISTANCE)]
    groups = np.repeat([f"test {number}" for number in range(40)], 100)
    widths = widths_of(table, np.abs(random.normal(0, scale)), groups)
    assert widths is not None
    fresh = np.abs(random.normal(0, scale))
    assert np.mean(fresh <= widths.at(table)) == pytest.approx(0.9, abs=0.03)
    far = table[:, FEATURES.index(DISTANCE)] > 1.5
    assert np.mean(fresh[far] <= widths.at(table[far])) == pytest.approx(0.9, abs=0.05)


TRAININGS, TESTS = [f"training {number:04d}" for number in range(1, 4)], ["test 01"]


def test_tables_that_do_not_go_together_are_refused(tmp_path: Path) -> None:
    losses = np.full((3, 2), 0.2)
    first = part_table(range(2), TRAININGS, TESTS, losses, "one")
    others = {
        "part-0001": (part_table(range(2, 3), TRAININGS, TESTS, losses, "two"), "is of another study than"),
        "part-0002": (part_table(range(1, 3), TRAININGS, TESTS, losses, "one"), "network 1 is in two of the tables"),
        "part-0003": (first.drop("f1"), "is no table of a part: it lacks f1"),
        "part-0004": (first.clear(), "is no table of a part: it is empty"),
    }
    write_table(tmp_path / "part-0000.parquet", first)
    assert len(read_atlas([tmp_path]).networks) == 2
    for name, (table, words) in others.items():
        write_table(tmp_path / name, table)
        with pytest.raises(InputError, match=words):
            read_atlas([tmp_path / "part-0000.parquet", tmp_path / name])
    with pytest.raises(InputError, match="holds no table of a part"):
        read_atlas([tmp_path / "nothing"])
    assert COUNT >= 10  # a predictor needs ten distributions of each kind
