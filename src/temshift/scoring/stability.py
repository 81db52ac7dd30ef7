"""How steady the loss of a network is while the focus of its images changes."""

import polars as pl

from temshift.vocabulary.columns import CONDITION_COLUMNS

_LOSSES = {
    "stability_cross_entropy": "cross_entropy",
    "stability_softmax_twice": "cross_entropy_softmax_twice",
}
_FOCUS = "test_defocus_nm"
_SETTINGS = [f"test_{name}" for name in CONDITION_COLUMNS if f"test_{name}" != _FOCUS]


def with_stability(rows: pl.DataFrame, *series: str) -> pl.DataFrame:
    """Add the standard deviation of the loss over defoci other than focus, the published measure of stability.

    Parameters
    ----------
    rows : polars.DataFrame
        Scores with the settings that they were made under: a row a network x test condition.
    *series : str
        Columns that set apart rows of one network and one set of specimens.

    Returns
    -------
    polars.DataFrame
        With ``stability_cross_entropy`` and ``stability_softmax_twice``. A series are the tests of one network that
        differ in defocus alone; all its rows have its number, also those in focus. It is null if fewer than two
        other defoci have a loss. A test that stands there under several names counts once.

    References
    ----------
    L. Rangel DaCosta and M. C. Scott, Elemental Microscopy, EM000010
    """
    together = [*series, *_SETTINGS]
    counted = (pl.col(_FOCUS) != 0) & pl.struct(*together, "test_id").is_first_distinct()
    return rows.with_columns(
        pl.when(counted).then(pl.col(loss)).std().over(together).alias(name) for name, loss in _LOSSES.items()
    )
