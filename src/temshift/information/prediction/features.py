"""Features that scores may be predicted from, and the scores, each by the name that formulas use."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import expit

Array = NDArray[np.float64]

OBSERVER, EPSILON, DISTANCE = "ln CE(observer)", "ln epsilon(test)", "d"
OBSERVER_F1 = "logit F1(observer)"
IDEAL, PROBE = "ln CE(ideal)", "ln CE(probe)"
DISAGREEMENT = "|ln CE(linear) - ln CE(forest)|"
LEAST_SHARE = 1e-3  # F1 counts as at least this, and as at most 1 less this, where its logit is taken
_LOSS = pl.col("observer_both_cross_entropy")


def logit_of(share: pl.Expr) -> pl.Expr:
    """Return the logit of a share, kept away from 0 and 1."""
    inside = share.clip(LEAST_SHARE, 1 - LEAST_SHARE)
    return (inside / (1 - inside)).log()


# Features that scores may be predicted from, by the names that formulas use.
FEATURES = {
    OBSERVER: _LOSS.log(),
    OBSERVER_F1: logit_of(pl.col("observer_both_f1")),
    "ln CE(linear)": pl.col("observer_linear_cross_entropy").log(),
    "ln CE(forest)": pl.col("observer_forest_cross_entropy").log(),
    DISAGREEMENT: (pl.col("observer_linear_cross_entropy") / pl.col("observer_forest_cross_entropy")).log().abs(),
    EPSILON: pl.col("epsilon_test").log(),
    DISTANCE: pl.col("distance"),
    "d_image": pl.col("distance_image"),
    IDEAL: pl.col("observer_ideal_cross_entropy").log(),
    PROBE: pl.col("probe_both_cross_entropy").log(),
    "defocus difference": pl.col("defocus_difference_nm").abs(),
}
BASES = ((OBSERVER,), (EPSILON, DISTANCE), (EPSILON,), ())  # the first whose features are known is fitted
_FURTHER = (EPSILON, DISTANCE)  # each may earn a place next to the observer


@dataclass(frozen=True)
class Target:
    """A score, as it is predicted: the column that holds it on a scale that fits, and its name there."""

    column: str
    text: str
    further: tuple[str, ...] = ()

    def score(self, values: Array) -> Array:
        """Return values on that scale as the score itself: a cross-entropy, or an F1."""
        return np.asarray(np.exp(values) if self.column == LOSS.column else expit(values))


LOSS = Target("ln_cross_entropy", "ln CE", _FURTHER)
F1 = Target("logit_f1", "logit F1", (OBSERVER_F1, *_FURTHER))
_OF_SPECIMENS = (IDEAL, PROBE, *_FURTHER)  # features that may earn a place where specimens differ
LOSS_ACROSS_SETS = Target("ln_cross_entropy", "ln CE", _OF_SPECIMENS)
F1_ACROSS_SETS = Target("logit_f1", "logit F1", (OBSERVER_F1, *_OF_SPECIMENS))
# The same from what a recipe tells, without micrographs for a probe.
LOSS_ON_UNSEEN = Target("ln_cross_entropy", "ln CE", (IDEAL, *_FURTHER))
F1_ON_UNSEEN = Target("logit_f1", "logit F1", (OBSERVER_F1, IDEAL, *_FURTHER))


def with_features(cells: pl.DataFrame) -> pl.DataFrame:
    """Add every one of :data:`FEATURES` whose columns are there; numbers that are not finite are null."""
    numbers = cells.with_columns(pl.selectors.float().fill_nan(None))
    there = {name: one for name, one in FEATURES.items() if set(one.meta.root_names()) <= set(cells.columns)}
    finite = [pl.when(one.is_finite()).then(one).cast(pl.Float64).alias(name) for name, one in there.items()]
    return numbers.with_columns(finite)
