"""Centre and spread of every parameter of a distribution of conditions, as tables hold them."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from temshift.conditions.distribution import Distribution
from temshift.conditions.imaging import CARTESIAN, KEYS, ImagingConditions, condition_deviates
from temshift.core.seeds import Stage, generator
from temshift.vocabulary.parameters import CANONICAL, Parameter, azimuth

SUMMARY_DRAWS = 1001  # odd, so that a median is one of them


_COMPONENT_OF = {field: (field[:-1], azimuth(field[:-1])) for field in CARTESIAN}


class Setting(NamedTuple):
    """Centre and standard deviation of one parameter, in the unit of its key; None is no aperture, no blur."""

    center: float | None
    sd: float


def summary(conditions: ImagingConditions) -> dict[str, Setting]:
    """Return centre and spread of every parameter of a distribution of conditions.

    Parameters
    ----------
    conditions : ImagingConditions
        The distribution.

    Returns
    -------
    dict of str to Setting
        By the keys of :data:`temshift.vocabulary.parameters.CANONICAL`. Aberrations given by their Cartesian components
        have the median and the standard deviation of magnitude and azimuth over some draws.
    """
    given = {KEYS[key].field: (key, distribution) for key, distribution in conditions.distributions().items()}
    settings = {key: Setting(center, 0.0) for key, center in conditions.centers().items()}
    exact = [row for row in CANONICAL if row.field in given]
    settings |= {row.key: _setting(row, *given[row.field]) for row in exact}
    if set(given) <= {row.field for row in exact}:
        return settings
    drawn = conditions.quantiles(condition_deviates(generator(0, Stage.METRIC), SUMMARY_DRAWS)).in_file_units()
    names = told_keys([conditions]) - {row.key for row in exact}
    return settings | {name: _measured_setting(np.array(drawn[name], dtype=np.float64)) for name in names}


def centers(role: str, conditions: ImagingConditions) -> dict[str, float | None]:
    """Return the centre of every parameter, as a table holds it: ``test_defocus_nm`` where ``role`` is "test"."""
    return {f"{role}_{key}": setting.center for key, setting in summary(conditions).items()}


def told_keys(conditions: Iterable[ImagingConditions]) -> set[str]:
    """Return the keys of :data:`temshift.vocabulary.parameters.CANONICAL` whose fields any of the conditions sets."""
    fields = {field for one in conditions for field in one.fields_given()}
    whole = {part for field in fields for part in (_COMPONENT_OF.get(field) or (field,))}
    return {row.key for row in CANONICAL if row.field in whole}


def _setting(row: Parameter, key: str, distribution: Distribution) -> Setting:
    scale = KEYS[key].factor / row.factor
    middle = np.arange(0.5, SUMMARY_DRAWS) / SUMMARY_DRAWS
    center = float(np.median(distribution.quantile(middle))) if distribution.choice else distribution.center
    return Setting(center * scale, distribution.sd * abs(scale))


def _measured_setting(values: NDArray[np.float64]) -> Setting:
    return Setting(float(np.median(values)), float(values.std()) if np.ptp(values) else 0.0)
