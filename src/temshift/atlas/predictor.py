"""The predictor of the atlas: a model of each score with its judgements, kept as one small file."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from temshift.atlas.cells import FeaturedCells
from temshift.atlas.judging import Judgement, LeftOut, judge, left_out, regions_of_cells
from temshift.atlas.pairs import FEATURES
from temshift.atlas.score_model import TARGETS, ScoreModel, fit_score, widths_of
from temshift.atlas.space import AtlasSpace
from temshift.atlas.tables import IN_DISTRIBUTION
from temshift.core import DamagedError
from temshift.storage import example, read_json, write_json

Array = NDArray[np.float64]

FILE = "predictor.json"
VERSION = 1  # raised whenever features change, so that an older file is refused
BOTH, TRAININGS, TESTS, KIND = "both fifths", "a fifth of the trainings", "a fifth of the tests", "specimens of"
SCORES = {"cross_entropy": "ln_cross_entropy", "f1": "logit_f1"}


@dataclass(frozen=True)
class AtlasPredictor:
    """Models of cross-entropy and F1.

    Attributes
    ----------
    extent : str
        Which networks it is fitted to, in words.
    study : str
        Hash of the study that they are of.
    models : dict of str to ScoreModel
        By the name of the score on its scale.
    judgements : dict of str to list of Judgement
        Likewise.
    """

    extent: str
    study: str
    models: Mapping[str, ScoreModel]
    judgements: Mapping[str, list[Judgement]]

    def predict(self, table: Array) -> dict[str, Array]:
        """Predict scores of pairs with their intervals.

        Parameters
        ----------
        table : ndarray (n, features)
            In the order of :data:`temshift.atlas.pairs.FEATURES`.

        Returns
        -------
        dict of str to ndarray (n,)
            ``cross_entropy`` (geometric mean over seeds) and ``f1``, and ``_lower`` and ``_upper`` ends of each; ends
            are NaN where there is no interval.
        """
        columns: dict[str, Array] = {}
        for name, target in SCORES.items():
            model = self.models[target]
            middle = model.predict(table)
            width = np.full(len(table), np.nan) if model.widths is None else model.widths.at(table)
            scale = np.exp if name == "cross_entropy" else expit
            ends = zip(("", "_lower", "_upper"), (middle, middle - width, middle + width), strict=True)
            columns |= {f"{name}{end}": np.asarray(scale(values)) for end, values in ends}
        return columns

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain JSON values."""
        models = {name: model.as_dict() for name, model in self.models.items()}
        judged = {name: [one.as_dict() for one in some] for name, some in self.judgements.items()}
        facts = {"version": VERSION, "extent": self.extent, "study": self.study, "features": list(FEATURES)}
        return {**facts, "judgements": judged, "models": models}

    def write(self, path: Path | str) -> None:
        """Write it as JSON."""
        write_json(path, self.as_dict())


def read_predictor(path: Path | str | None = None) -> AtlasPredictor:
    """Read a predictor, by default the one that comes with the package.

    Raises
    ------
    InputError
        If there is none.
    DamagedError
        If the file is none, or of another version of temshift.
    """
    path = example(f"atlas/{FILE}") if path is None else Path(path)
    plain = read_json(path)
    try:
        if plain["version"] != VERSION or tuple(plain["features"]) != FEATURES:
            raise DamagedError(f"{path} is of another version of temshift; python docs/atlas_fit.py writes it again")
        models = {name: ScoreModel.from_dict(plain["models"][name]) for name in TARGETS}
        judged = {name: [Judgement(**one) for one in plain["judgements"][name]] for name in TARGETS}
        return AtlasPredictor(plain["extent"], plain["study"], models, judged)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DamagedError(f"{path} holds no predictor of the atlas; python docs/atlas_fit.py writes one") from error


def fit_predictor(cells: FeaturedCells, space: AtlasSpace, *, extent: str, study: str) -> AtlasPredictor:
    """Fit models of both scores, and judge them on regions and kinds of specimens that are left out.

    Intervals are those of errors where the regions of the training and of the test are both left out.

    Parameters
    ----------
    cells : FeaturedCells
        Of :func:`temshift.atlas.cells.featured`.
    space : AtlasSpace
        The atlas.
    extent, study : str
        As :class:`AtlasPredictor` keeps them.

    Returns
    -------
    AtlasPredictor

    Raises
    ------
    InputError
        If there are too few distributions to leave any out.
    """
    models, judgements = {}, {}
    for name in TARGETS:
        scored = cells.where(np.isfinite(cells.targets[name]))
        parts = regions_of_cells(scored, space)
        predicted = _predicted(scored, name, parts)
        judgements[name] = judge(scored, name, predicted, parts, kinds=KIND)
        tested = (scored.test != IN_DISTRIBUTION) & np.isfinite(predicted[BOTH].model)
        errors = np.abs(scored.targets[name] - predicted[BOTH].model)[tested]
        model = fit_score(scored.table, scored.targets[name], name)
        widths = widths_of(scored.table[tested], errors, scored.test[tested])
        models[name] = model if widths is None else model.with_widths(widths)
    return AtlasPredictor(extent, study, models, judgements)


def _predicted(cells: FeaturedCells, name: str, parts: tuple[NDArray[np.int64], ...]) -> dict[str, LeftOut]:
    asked = {TRAININGS: parts[:1], TESTS: parts[1:], BOTH: parts}
    predicted = {what: left_out(cells, name, *codes) for what, codes in asked.items()}
    kinds = np.unique(cells.kind, return_inverse=True)[1]
    return predicted | ({KIND: left_out(cells, name, kinds)} if kinds.max(initial=0) else {})
