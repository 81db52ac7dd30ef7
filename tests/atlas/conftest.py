"""An atlas of 12 training and 12 test distributions whose scores follow from the observer by a known law."""

import sys
from pathlib import Path

import numpy as np
import pytest

from temshift.atlas import (
    FEATURES,
    FILE,
    IN_DISTRIBUTION,
    PORTRAITS,
    Atlas,
    AtlasSpace,
    featured,
    fit_predictor,
    portrait_table,
    portraits_for,
    read_atlas,
)
from temshift.storage import write_table

sys.path.insert(0, str(Path(__file__).parent))  # importlib mode does not look beside the tests

from made_atlas import COUNT, KIND, NOISE, SLOPE, Made, part_table


@pytest.fixture(scope="session")
def space() -> AtlasSpace:
    return AtlasSpace.shipped()


@pytest.fixture(scope="session")
def made(space: AtlasSpace, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Portraits and features are computed, scores are made of them, and the predictor is fitted to these."""
    folder = tmp_path_factory.mktemp("atlas")
    trainings, tests = list(space.trainings)[:COUNT], list(space.tests)[:COUNT]
    pairs = [(KIND, name) for name in (*trainings, *tests)]
    portraits = {(kind, name): portrait for kind, name, portrait in portraits_for(space, pairs, {})}
    write_table(folder / PORTRAITS, portrait_table((*key, portrait) for key, portrait in portraits.items()))
    unknown = np.ones((COUNT, COUNT + 1))
    write_table(folder / "part-0000.parquet", part_table(range(COUNT), trainings, tests, unknown, "a study"))
    blank = featured(read_atlas([folder]).cells(), space, portraits)
    observer = blank.table[:, FEATURES.index("ln CE(observer)")]
    known = {(one, other): ce for one, other, ce in zip(blank.training, blank.test, observer, strict=True)}
    noise = np.random.default_rng(0).normal(0, NOISE, (COUNT, COUNT + 1))
    law = np.array([[SLOPE * known[one, other] for other in (*tests, IN_DISTRIBUTION)] for one in trainings])
    losses = np.exp(law + noise)
    for number, part in enumerate((range(5), range(5, COUNT))):
        table = part_table(part, trainings, tests, losses, "a study")
        write_table(folder / f"part-{number:04d}.parquet", table)
    atlas = read_atlas([folder])
    cells = featured(atlas.cells(), space, portraits)
    fit_predictor(cells, space, extent=atlas.extent, study=atlas.study).write(folder / FILE)
    return Made(folder, space, cells, law)


@pytest.fixture(scope="session")
def atlas(made: Made) -> Atlas:
    return read_atlas([made.folder])
