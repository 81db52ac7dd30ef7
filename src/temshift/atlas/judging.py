"""How well the atlas predicts: regions of conditions and kinds of specimens are left out whole, never single cells."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from temshift.atlas.cells import FeaturedCells
from temshift.atlas.regions import COUNT, Regions, regions_of
from temshift.atlas.score_model import LINE, Line, fit_score, widths_of
from temshift.atlas.space import AtlasSpace, location
from temshift.atlas.tables import IN_DISTRIBUTION
from temshift.core import InputError

Array = NDArray[np.float64]
Codes = NDArray[np.int64]
Parts = tuple[Codes, Codes]  # of trainings and of tests


@dataclass(frozen=True)
class Judgement:
    """How well one score is predicted where something is left out whole.

    Attributes
    ----------
    left_out : str
        What is left out.
    cells : int
        How many cells were predicted so.
    explained, line_explained : float
        Share of the variance explained, R2, by the model and by a line of the observer alone.
    rmse : float
        Root mean square error of the model.
    covered : float, optional
        Share of the cells that 90 % intervals hold, which were made without that region, too.
    """

    left_out: str
    cells: int
    explained: float
    line_explained: float
    rmse: float
    covered: float | None

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class LeftOut:
    """Predictions of cells by fits without them: of the model, and of the line of the observer; NaN where none is."""

    model: Array
    line: Array


def regions_of_cells(cells: FeaturedCells, space: AtlasSpace) -> Parts:
    """Return the region of each cell's training distribution, and of its test.

    Images like those that a network was trained on count as a test that lies where its training does.

    Raises
    ------
    InputError
        If there are too few distributions to leave a fifth out.
    """
    trainings = sorted(set(cells.training))
    tests = sorted(set(cells.test) - {IN_DISTRIBUTION})
    if min(len(trainings), len(tests)) < 2 * COUNT:
        raise InputError(
            f"scores of networks trained on {len(trainings)} distributions, under {len(tests)} test conditions; a fit "
            f"that is checked on regions left out needs {2 * COUNT} of each: add parts"
        )
    places = np.array([location(space.trainings[name]) for name in trainings])
    trained = regions_of(places)
    tested = regions_of(np.array([location(space.tests[name]) for name in tests]))
    at_home = dict(zip(trainings, _codes(tested, places), strict=True))
    by_training = dict(zip(trainings, trained.codes.tolist(), strict=True))
    by_test = dict(zip(tests, tested.codes.tolist(), strict=True))
    names = zip(cells.training.tolist(), cells.test.tolist(), strict=True)
    codes = [at_home[one] if test == IN_DISTRIBUTION else by_test[test] for one, test in names]
    return np.array([by_training[name] for name in cells.training.tolist()]), np.array(codes)


def _codes(regions: Regions, points: Array) -> list[int]:
    codes: list[int] = regions.nearest(points).tolist()
    return codes


def left_out(cells: FeaturedCells, name: str, *codes: Codes) -> LeftOut:
    """Predict each cell by a fit without all cells that share any of its codes.

    Parameters
    ----------
    cells : FeaturedCells
        All of which have the score.
    name : str
        The score, one of :data:`temshift.atlas.score_model.TARGETS`.
    *codes : ndarray (cells,) of int
        Numbers of the groups that are left out together, such as regions of trainings and regions of tests.

    Returns
    -------
    LeftOut
    """
    model, line = np.full(len(cells), np.nan), np.full(len(cells), np.nan)
    target = cells.targets[name]
    for mine, others in _folds(codes):
        fit = fit_score(cells.table[others], target[others], name)
        simple = Line.fitted(cells.table[others], target[others], (LINE[name],))
        model[mine], line[mine] = fit.predict(cells.table[mine]), simple.predict(cells.table[mine])
    return LeftOut(model, line)


def _folds(codes: tuple[Codes, ...]) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """Cells of each combination of codes that there is, and those that share none of them."""
    combined = np.stack(codes, axis=1)
    for several in np.unique(combined, axis=0):
        same = combined == several
        others = ~same.any(axis=1)
        if others.any():
            yield same.all(axis=1), others


def judge(
    cells: FeaturedCells, name: str, predicted: Mapping[str, LeftOut], parts: Parts, *, kinds: str
) -> list[Judgement]:
    """Return how good predictions of cells left out are; only cells under test conditions of the study count.

    Parameters
    ----------
    cells : FeaturedCells
        All of which have the score.
    name : str
        The score.
    predicted : mapping of str to LeftOut
        By the groups that were left out.
    parts : tuple of ndarray (cells,) of int
        Regions of trainings and of tests.
    kinds : str
        The name in ``predicted`` under which kinds of specimens were left out, each a judgement of its own.
    """
    tested = cells.test != IN_DISTRIBUTION
    judgements = []
    for what, some in predicted.items():
        if what != kinds:
            judgements.append(_judgement(what, cells, name, some, tested, _covered(cells, name, some, parts)))
            continue
        for kind in np.unique(cells.kind).tolist():
            judgements.append(_judgement(f"{what} {kind}", cells, name, some, tested & (cells.kind == kind), None))
    return judgements


def _judgement(
    what: str, cells: FeaturedCells, name: str, some: LeftOut, asked: NDArray[np.bool_], covered: float | None
) -> Judgement:
    kept = asked & np.isfinite(some.model)
    target, model, line = cells.targets[name][kept], some.model[kept], some.line[kept]
    return Judgement(
        what,
        int(kept.sum()),
        _explained(target, model),
        _explained(target, line),
        float(np.sqrt(np.mean((target - model) ** 2))),
        covered,
    )


def _explained(target: Array, predicted: Array) -> float:
    return float(1 - np.sum((target - predicted) ** 2) / np.sum((target - target.mean()) ** 2))


def _covered(cells: FeaturedCells, name: str, some: LeftOut, parts: Parts) -> float | None:
    """Share of the cells inside intervals whose widths are those of errors in other regions, of both kinds."""
    errors, inside = np.abs(cells.targets[name] - some.model), []
    counted = (cells.test != IN_DISTRIBUTION) & np.isfinite(some.model)
    for mine, others in _folds(parts):
        widths = widths_of(cells.table[others & counted], errors[others & counted], cells.test[others & counted])
        if widths is None:
            return None
        asked = mine & counted
        inside.append(errors[asked] <= widths.at(cells.table[asked]))
    return float(np.concatenate(inside).mean()) if inside else None
