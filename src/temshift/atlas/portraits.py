"""Portraits of distributions of conditions: all that pairs of them are compared by, computed once for each kind.

A pair of a training and a test distribution then costs less than a millisecond, without any further draw of windows:
the rules of simple observers are kept as their coefficients.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import expit

from temshift.conditions import ImagingConditions
from temshift.information import Draws, ObjectLibrary, Survey, join_libraries, ring_draws, shipped_library
from temshift.information.transfer.metrics import information_of

Array = NDArray[np.float64]

MIXED = "mixed"
CRYSTALS = ("CdSe", "Ag", "Au", "Fe3O4", "Si")  # kinds of specimens by themselves
MIXTURE = (*CRYSTALS, "Cu", "ZnS")  # crystals of the kind that is mixed
KINDS = (*CRYSTALS, MIXED)
LARGEST_RADIUS = 16.0  # of the particles of a library that stand for the atlas' [A]
SURE = 1e-3  # an observer is never surer of a window than this
LEAST_INFORMATION = 1e-6  # epsilon [bits] that counts as nothing
LEAST_POWER = 1e-12
SPECTRUM_BANDS, TRANSFER_BANDS = 32, 24  # of equal width, which spectra are averaged in


@dataclass(frozen=True)
class Portrait:
    """A distribution of conditions on a kind of specimens.

    Attributes
    ----------
    ln_epsilon : float
        Of :func:`temshift.information.information`.
    spectrum : ndarray (SPECTRUM_BANDS,)
        Square root of the mean standardised image power up to the Nyquist frequency, times that of the share of its
        band: the distance d of two distributions is the length of the difference, but for what a band averages.
    squared : ndarray (TRANSFER_BANDS,)
        Mean transfer of power in the band, times the share of the particles' phase power that is there.
    signed : ndarray (TRANSFER_BANDS,)
        Mean transfer of amplitude with its sign, times the square root of that share.
    amplitude_rule, power_rule : ndarray (rings + 1,)
        Coefficients, and last the intercept, of logistic regressions on the square root and on the logarithm of ring
        powers, fitted to windows under this distribution.
    own : ndarray (4,)
        What :func:`observed` says of these rules on other windows under the same distribution.
    """

    ln_epsilon: float
    spectrum: Array
    squared: Array
    signed: Array
    amplitude_rule: Array
    power_rule: Array
    own: Array


def library_of(kind: str) -> ObjectLibrary:
    """Return particles that stand for a kind of specimens: those of the shipped libraries that are not too large.

    Examples
    --------
    >>> bool(library_of("Ag").radius.max() <= LARGEST_RADIUS)
    True
    """
    names = MIXTURE if kind == MIXED else (kind,)
    return join_libraries(_smaller(shipped_library(name)) for name in names)


def _smaller(library: ObjectLibrary) -> ObjectLibrary:
    kept = library.radius <= LARGEST_RADIUS
    count = len(library)
    chosen = {
        field.name: value[kept]
        for field in fields(ObjectLibrary)
        if field.name not in ("q", "substrate") and isinstance(value := getattr(library, field.name), np.ndarray)
    }
    specimens = max(1, round(library.specimens * int(kept.sum()) / count))
    return ObjectLibrary(
        q=library.q, substrate=library.substrate, area_fraction=library.area_fraction, specimens=specimens, **chosen
    )


def portrait_of(
    conditions: ImagingConditions, library: ObjectLibrary, survey: Survey, seen: Draws | None = None
) -> Portrait:
    """Compute the portrait of a distribution of conditions.

    Parameters
    ----------
    conditions : ImagingConditions
        The distribution.
    library : ObjectLibrary
        Particles of the kind, of :func:`library_of`.
    survey : Survey
        Microscope, band, draws and seed.
    seen : Draws, optional
        :func:`windows_of` the distribution, if they are known.

    Returns
    -------
    Portrait
    """
    inside = library.q <= survey.highest
    objects = library.resampled(library.q[inside]).mean
    known = information_of(survey, conditions, objects)
    disc, carried = known.q, objects.q * objects.particle
    rules = rules_of(ring_draws(conditions, library, survey, stream=0))
    tested = windows_of(conditions, library, survey) if seen is None else seen
    return Portrait(
        ln_epsilon=float(np.log(max(known.epsilon, LEAST_INFORMATION))),
        spectrum=_in_bands(np.sqrt(known.spectrum), disc, SPECTRUM_BANDS, 0.5),
        squared=_in_bands(known.replicates.squared[0], carried, TRANSFER_BANDS, 1.0),
        signed=_in_bands(known.replicates.signed[0], carried, TRANSFER_BANDS, 0.5),
        amplitude_rule=rules[0],
        power_rule=rules[1],
        own=observed(rules[0][None], rules[1][None], tested)[0],
    )


def _in_bands(values: Array, weights: Array, count: int, power: float) -> Array:
    """Mean of each of some bands of rings, times the band's share of the weight to some power."""
    starts = np.arange(count) * len(values) // count
    sums, shares = (np.add.reduceat(one, starts) for one in (values * weights, weights / weights.sum()))
    means = sums / np.maximum(np.add.reduceat(weights, starts), np.finfo(float).tiny)
    return np.asarray(means * shares**power)


def windows_of(conditions: ImagingConditions, library: ObjectLibrary, survey: Survey) -> Draws:
    """Draw windows under a distribution to test observers on; see :func:`temshift.information.ring_draws`."""
    return ring_draws(conditions, library, survey, stream=1)


def rules_of(draws: Draws) -> tuple[Array, Array]:
    """Fit logistic regressions to the square root and to the logarithm of ring powers; return their coefficients."""
    weights = draws.weights * len(draws.weights)
    return _logistic(np.sqrt(draws.powers), draws, weights), _logistic(_logarithm(draws.powers), draws, weights)


def _logistic(inputs: Array, draws: Draws, weights: Array) -> Array:
    from sklearn.linear_model import LogisticRegression  # a second to import, which reading the atlas need not wait for

    centre, scale = inputs.mean(axis=0), np.maximum(inputs.std(axis=0), 1e-9)
    model = LogisticRegression(max_iter=300).fit((inputs - centre) / scale, draws.labels, weights)
    slopes = model.coef_[0] / scale
    return np.asarray([*slopes, float(model.intercept_[0] - slopes @ centre)])


def _logarithm(powers: Array) -> Array:
    return np.log(np.maximum(powers, LEAST_POWER))


def observed(amplitude_rules: Array, power_rules: Array, seen: Draws) -> Array:
    """Score rules on windows: ln of the cross-entropy and logit of F1 of the first kind, then of the second.

    Parameters
    ----------
    amplitude_rules, power_rules : ndarray (n, rings + 1)
        Those of n portraits.
    seen : Draws
        Of :func:`windows_of`.

    Returns
    -------
    ndarray (n, 4)
    """
    inputs = (np.sqrt(seen.powers), _logarithm(seen.powers))
    pairs = zip(inputs, (amplitude_rules, power_rules), strict=True)
    return np.concatenate(
        [_scores(expit(some @ rules[:, :-1].T + rules[:, -1]), seen) for some, rules in pairs], axis=1
    )


def _scores(probabilities: Array, seen: Draws) -> Array:
    """Scores (n, 2) of probabilities (windows, n)."""
    particle, weights = seen.labels == 1, seen.weights / seen.weights.sum()
    inside = np.clip(probabilities, SURE, 1 - SURE)
    losses = -np.log(np.where(particle[:, None], inside, 1 - inside))
    called = probabilities >= 0.5
    hits = (weights * particle) @ called
    wrong = weights @ (called != particle[:, None])
    f1 = np.clip(2 * hits / (2 * hits + wrong + LEAST_POWER), SURE, 1 - SURE)
    return np.stack([np.log(weights @ losses), np.log(f1 / (1 - f1))], axis=1)


def portrait_table(rows: Iterable[tuple[str, str, Portrait]]) -> pl.DataFrame:
    """Return portraits as a table: ``kind``, ``name`` and a column for each attribute, in single precision."""
    plain = [{"kind": kind, "name": name, **_plain(portrait)} for kind, name, portrait in rows]
    return pl.DataFrame(plain, schema=_SCHEMA)


def portraits_in(table: pl.DataFrame) -> Mapping[tuple[str, str], Portrait]:
    """Read portraits of a table, by kind and name."""
    return dict(_portraits(table))


def _portraits(table: pl.DataFrame) -> Iterator[tuple[tuple[str, str], Portrait]]:
    for row in table.iter_rows(named=True):
        arrays = {name: np.array(row[name], dtype=np.float64) for name in _ARRAYS}
        yield (row["kind"], row["name"]), Portrait(ln_epsilon=row["ln_epsilon"], **arrays)


_ARRAYS = tuple(field.name for field in fields(Portrait) if field.name != "ln_epsilon")

_SCHEMA: dict[str, Any] = {
    **{"kind": pl.String, "name": pl.String, "ln_epsilon": pl.Float32},
    **dict.fromkeys(_ARRAYS, pl.List(pl.Float32)),
}


def _plain(portrait: Portrait) -> dict[str, Any]:
    return {"ln_epsilon": portrait.ln_epsilon, **{name: getattr(portrait, name).tolist() for name in _ARRAYS}}
