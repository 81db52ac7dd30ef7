"""One distribution of conditions that stands for several: a table of their draws, each with its share."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from temshift.conditions.distribution import Distribution
from temshift.conditions.imaging import COLUMNS, ImagingConditions
from temshift.conditions.measured_table import MeasuredTable
from temshift.core import Stage, generator
from temshift.vocabulary import CANONICAL, DEFAULTS
from temshift.vocabulary.parameters import REQUIRED, Parameter

ROWS = 64  # of the table, for each part that varies
_NO_END = {  # fields that have no bound which means the same as leaving them out
    "semiangle_cutoff": "an aperture",
    "transfer_exponent": "an exponent",
    "scattering_share": "a scattering share",
}
DIGITS = 7  # significant ones of a value in the table

Columns = dict[str, list[float]]


def mixture(parts: Sequence[ImagingConditions], *, rows: int = ROWS, seed: int = 0) -> ImagingConditions:
    """Join distributions of conditions in equal shares: an image draws one of them, and then its conditions.

    Each part is drawn ``rows`` times, stratified: each of its parameters once in every 1/``rows`` of its probability.
    A part that does not vary is one row. What is alike in all rows stands outside the table.

    Parameters
    ----------
    parts : sequence of ImagingConditions
        At least one; one alone is returned as it is.
    rows : int
        Rows of the table for each part that varies, >= 1.
    seed : int
        Root of the order in which the strata of several parameters meet.

    Returns
    -------
    ImagingConditions
        With ``measured``: columns by key, and the weight of each row.

    Raises
    ------
    ValueError
        If there are no parts or no rows, if some have an aperture and some do not, or the table grows too
        large.

    Examples
    --------
    >>> one, other = (ImagingConditions(defocus_nm=focus, dose_e_per_A2=400) for focus in (-10, 10))
    >>> mixture([one, other]).measured.columns
    {'defocus_nm': (-10.0, 10.0)}
    """
    if not parts:
        raise ValueError("no conditions given to join; give at least one")
    if len(parts) == 1:
        return parts[0]
    if rows < 1:
        raise ValueError(f"rows = {rows}; a part takes at least one row of the table")
    drawn = [_rows_of(part, rows, generator(seed, Stage.DESIGN, number)) for number, part in enumerate(parts)]
    lengths = [len(one["dose_e_per_A2"]) for one in drawn]
    joined = {row: _joined(row, drawn) for row in CANONICAL}
    alike = {
        row.key: values[0] for row, values in joined.items() if len(set(values)) == 1 and _is_written(row, values[0])
    }
    columns = {row.key: tuple(values) for row, values in joined.items() if len(set(values)) > 1}
    plain: dict[str, Any] = {key: Distribution(fixed=value) for key, value in alike.items()}
    if not columns:
        return parts[0]
    weights = tuple(rows / length for length in lengths for _ in range(length))
    table = MeasuredTable(columns=columns, weights=None if len(set(weights)) == 1 else weights)
    return ImagingConditions(**{**plain, "measured": table})


def _rows_of(part: ImagingConditions, rows: int, rng: np.random.Generator) -> Mapping[str, list[float | None]]:
    """Values of every parameter (rows) by key, one row if none varies; None is no aperture, no blur."""
    strata: NDArray[np.float64] = np.repeat((np.arange(rows)[:, None] + 0.5) / rows, len(COLUMNS), axis=1)
    drawn = part.quantiles(rng.permuted(strata, axis=0)).in_file_units()
    varies = any(len(set(values)) > 1 for values in drawn.values())
    return drawn if varies else {key: values[:1] for key, values in drawn.items()}


def _joined(row: Parameter, drawn: Sequence[Mapping[str, list[float | None]]]) -> list[float]:
    """Values of one parameter in all rows; a blur that some lack is none at the end of its bounds."""
    values = [value for one in drawn for value in one[row.key]]
    if all(value is None for value in values):
        return [np.inf]
    if row.field in _NO_END and None in values:
        raise ValueError(
            f"{row.key}: some conditions have {_NO_END[row.field]} and some have none, which no table can hold; give "
            "it to all"
        )
    return [float(f"{row.highest if value is None else value:.{DIGITS}g}") + 0.0 for value in values]


def _is_written(row: Parameter, value: float) -> bool:
    """Whether a value that all rows share has to be written: it is required, or differs from the default."""
    return row.field in REQUIRED or value * row.factor != DEFAULTS[row.field]
