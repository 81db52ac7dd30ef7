"""Which conditions stored waves and a camera can serve, the widest aperture that works, and remarks."""

import functools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from temshift.conditions import COLUMNS, Conditions, ImagingConditions, lens_remarks, told_together
from temshift.conditions.imaging import KEYS
from temshift.core import Grid, largest_semiangle, wavelength
from temshift.optics.band import Band, band_of
from temshift.optics.camera import camera_response
from temshift.optics.lens import envelopes
from temshift.optics.settings import ImagingSettings
from temshift.optics.sums import TooFarError, require_reachable

CELL = 128  # pixels a side of images that conditions are checked for if there are no waves
FINE_PIXEL = 0.2  # of images that conditions are checked for if the size of a pixel is unknown [A]
LEAST_FREQUENCIES = 3  # steps of spatial frequency that an aperture must pass
MOST_NAMED = 6  # conditions of one fault
_FINEST = 1e-5  # step of the apertures that are proposed [rad]
_NARROWER = "semiangle_cutoff_mrad of at most {:.2f} works; or take"
_TRIED = 24  # apertures from the widest to the narrowest, before the widest that works is looked for between two
MEASURED_TRIALS = 100  # rows of a measured table that are checked before any work, evenly over it


@dataclass(frozen=True)
class ImagingFault:
    """One reason why images can't be formed under some conditions, and their names."""

    names: tuple[str, ...]
    text: str

    def __str__(self) -> str:
        """Give the names, of many the first few, and the reason."""
        named = [repr(name) for name in self.names[:MOST_NAMED]]
        more = len(self.names) - len(named)
        return f"{', '.join(named)}{f' and {more} more' if more else ''}: {self.text}"


def condition_faults(
    named: Sequence[tuple[str, ImagingConditions]], imaging: ImagingSettings, grid: Grid, energy: float
) -> list[ImagingFault]:
    """Return why images can't be formed under some conditions: the check of every verb, each fault once.

    Parameters
    ----------
    named : list of (str, ImagingConditions)
        Conditions with their names.
    imaging : ImagingSettings
        How images are formed.
    grid : Grid
        The (y, x) plane of stored waves.
    energy : float
        Electron energy [eV].

    Returns
    -------
    list of ImagingFault
        An aperture so narrow that hardly a spatial frequency passes, or wider than the band of the waves; spreads that
        no sum is exact for, with the widest aperture that one is exact for; a camera that detects more than arrives.
    """
    plain: dict[str, list[str]] = {}
    unreachable: list[_Unreachable] = []
    for name, conditions in named:
        texts: list[str | TooFarError] = [*_aperture_faults(conditions, grid, energy)]
        for fault in texts or _forming_faults(conditions, imaging, grid, energy):
            if isinstance(fault, TooFarError):
                unreachable.append(_Unreachable(name, conditions, fault))
            else:
                plain.setdefault(fault, []).append(name)
    faults = [ImagingFault(tuple(dict.fromkeys(names)), text) for text, names in plain.items()]
    return [*faults, *_spread_faults(unreachable, imaging.tolerance, grid, energy)]


def imaging_faults(
    named: Sequence[tuple[str, ImagingConditions]], imaging: ImagingSettings, grid: Grid, energy: float
) -> list[str]:
    """Return the faults of :func:`condition_faults` as sentences that begin with the names."""
    return [str(fault) for fault in condition_faults(named, imaging, grid, energy)]


def role_faults(
    named: Mapping[str, Sequence[tuple[str, ImagingConditions]]], imaging: ImagingSettings, grid: Grid, energy: float
) -> list[tuple[str, ImagingFault]]:
    """Return the faults of the conditions of several keys of a file, each once, with the first key that it is under.

    Parameters
    ----------
    named : mapping of str to list of (str, ImagingConditions)
        Names and conditions by key.
    imaging, grid, energy
        As for :func:`condition_faults`.
    """
    keys = {name: key for key, conditions in reversed([*named.items()]) for name, _ in conditions}
    every = [pair for conditions in named.values() for pair in conditions]
    return [(keys[fault.names[0]], fault) for fault in condition_faults(every, imaging, grid, energy)]


@dataclass(frozen=True)
class _Unreachable:
    """Conditions that no sum is exact for."""

    name: str
    conditions: ImagingConditions
    error: TooFarError


def _spread_faults(
    unreachable: Sequence[_Unreachable], tolerance: float, grid: Grid, energy: float
) -> Iterator[ImagingFault]:
    """One fault for each of the two spreads, of the condition whose phases turn farthest."""
    for spread in ("focal", "angular"):
        ranked = sorted(
            (part for part in unreachable if part.error.spread == spread), key=lambda part: -part.error.reach
        )
        if not ranked:
            continue
        names = tuple(dict.fromkeys(part.name for part in unreachable if part.error.spread == spread))
        widest = _widest_for_all([part.conditions for part in ranked], tolerance, grid, energy)
        aperture = "no aperture is narrow enough; take" if widest is None else _NARROWER.format(1e3 * widest)
        others = "a smaller spread, a larger tolerance, or coherence: envelope"
        yield ImagingFault(names, f"{ranked[0].error.finding}; {aperture} {others}")


def _widest_for_all(
    conditions: Sequence[ImagingConditions], tolerance: float, grid: Grid, energy: float
) -> float | None:
    """The widest aperture [rad] for which sums of all are exact; None if there is none."""
    widest = largest_semiangle(grid.nyquist, energy)
    for single in conditions:
        narrower = widest_aperture(single, tolerance, grid, energy, below=widest)
        if narrower is None:
            return None
        widest = narrower
    return widest


def widest_aperture(
    conditions: ImagingConditions, tolerance: float, grid: Grid, energy: float, *, below: float = math.inf
) -> float | None:
    """Return the widest aperture for which a sum of coherent images is exact.

    Parameters
    ----------
    conditions : ImagingConditions
        A distribution, whose own aperture, if it has one, is narrowed.
    tolerance : float
        Of ``ImagingSettings``.
    grid : Grid
        The (y, x) plane of stored waves.
    energy : float
        Electron energy [eV].
    below : float
        No wider one is looked for [rad].

    Returns
    -------
    float or None
        In rad, rounded down to 0.01 mrad, the band of the waves at most; None if there is none.
    """
    lowest = LEAST_FREQUENCIES * grid.frequency_step * wavelength(energy)
    highest = min(below, largest_semiangle(grid.nyquist, energy))
    exact = functools.partial(_is_exact, trial_draws(conditions), tolerance, grid, energy)
    if highest <= lowest or exact(highest):
        return highest if highest > lowest else None
    tried = np.geomspace(highest, lowest, _TRIED)
    first = next((number for number, cutoff in enumerate(tried) if exact(float(cutoff))), None)
    if first is None:
        return None
    fine, far = float(tried[first]), float(tried[first - 1])
    while far - fine > _FINEST / 2:
        middle = (fine + far) / 2
        fine, far = (middle, far) if exact(middle) else (fine, middle)
    rounded = math.floor(fine / _FINEST) * _FINEST
    return rounded if exact(rounded) else fine


def _is_exact(drawn: Conditions, tolerance: float, grid: Grid, energy: float, cutoff: float) -> bool:
    """Whether sums are exact for all draws if no aperture is wider than a cutoff [rad]."""
    narrowed = replace(drawn, semiangle_cutoff=drawn.semiangle_cutoff.clamp(max=cutoff))
    widest = float((narrowed.semiangle_cutoff + narrowed.aperture_edge / 2).max())
    band = band_of(grid, wavelength(energy), widest, dtype=torch.float64)
    try:
        require_reachable(band, narrowed, tolerance)
    except TooFarError:
        return False
    return True


def _aperture_faults(conditions: ImagingConditions, grid: Grid, energy: float) -> Iterator[str]:
    limit, lowest = (
        largest_semiangle(grid.nyquist, energy),
        LEAST_FREQUENCIES * grid.frequency_step * wavelength(energy),
    )
    widest, least = conditions.widest_semiangle, conditions.lowest("semiangle_cutoff", default=limit)
    edge = conditions.highest("aperture_edge") if np.isfinite(widest) else 0.0
    if least < lowest:
        yield (
            f"semiangle_cutoff_mrad = {least * 1e3:g} passes hardly a spatial frequency of this cell; "
            f"at least {lowest * 1e3:.2f} mrad, or a larger cell_nm"
        )
    elif edge > 2 * least:
        yield (
            f"aperture_edge_mrad reaches {edge * 1e3:g} and shades the direct beam; at most twice the "
            f"semiangle_cutoff_mrad, {2e3 * least:g}"
        )
    if np.isfinite(widest) and widest > limit * (1 + 1e-9):
        yield (
            f"semiangle_cutoff_mrad{' and half the edge reach' if edge else ' reaches'} {widest * 1e3:.2f}, beyond the "
            f"band of waves on {max(grid.sampling):.3g} A pixels: at most {limit * 1e3:.2f} mrad, or sample finer"
        )


def _forming_faults(
    conditions: ImagingConditions, imaging: ImagingSettings, grid: Grid, energy: float
) -> Iterator[str | TooFarError]:
    """Faults that show only once the worst of some draws are looked at closely."""
    drawn = trial_draws(conditions)
    try:
        camera_response(drawn, imaging.camera)
        if imaging.coherence == "exact":
            band = _band(grid, energy, conditions.widest_semiangle)
            require_reachable(band, drawn, imaging.tolerance)
    except TooFarError as error:
        yield error
    except ValueError as error:
        yield str(error)


@functools.lru_cache(maxsize=16)
def _band(grid: Grid, energy: float, widest: float) -> Band:
    """The frequencies that pass the widest aperture, which thousands of conditions may share."""
    return band_of(grid, wavelength(energy), widest, dtype=torch.float64)


def exactness_remarks(
    named: Sequence[tuple[str, ImagingConditions]], imaging: ImagingSettings, sampling: float | None, energy: float
) -> list[str]:
    """Return why no images can be formed under conditions whose transfer alone is asked for.

    Transfer functions take coherence as envelopes, which work for any spread; images are refused with the same words.

    Parameters
    ----------
    named : list of (str, ImagingConditions)
        Conditions with their names.
    imaging : ImagingSettings
        How images would be formed.
    sampling : float, optional
        Size of a pixel before binning [A]; if it is unknown, pixels of 0.2 A.
    energy : float
        Electron energy [eV].

    Returns
    -------
    list of str
        One sentence for each spread that is too wide.
    """
    if imaging.coherence != "exact":
        return []
    pixel = sampling or FINE_PIXEL
    grid = Grid((CELL, CELL), (pixel, pixel))
    unreachable = [
        _Unreachable(name, conditions, fault)
        for name, conditions in named
        for fault in _forming_faults(conditions, imaging, grid, energy)
        if isinstance(fault, TooFarError)
    ]
    faults = _spread_faults(unreachable, imaging.tolerance, grid, energy)
    return [f"images of {pixel:g} A pixels can't be formed so: {fault}" for fault in faults]


def imaging_remarks(
    named: Sequence[tuple[str, ImagingConditions]], imaging: ImagingSettings, grid: Grid, energy: float
) -> list[str]:
    """Return remarks on conditions that a person should know before they are used.

    Parameters
    ----------
    named, imaging, grid, energy
        As for :func:`imaging_faults`.

    Returns
    -------
    list of str
        Probable mistakes of units; keys that change nothing, since others that they belong to are missing; images
        without aperture whose band ends with the grid, before coherence ends it; doubtful curves of the camera.
    """
    limit, remarks = largest_semiangle(grid.nyquist, energy), lens_remarks(named)
    for name, conditions in named:
        if np.isfinite(conditions.widest_semiangle):
            continue
        band = band_of(grid, wavelength(energy), np.inf, dtype=torch.float64)
        left = float(envelopes(band, conditions.central())[0, band.alpha.argmax()])
        if left > imaging.tolerance:
            remark = (
                f"without an aperture images end with the grid, at {1e3 * limit:.2f} mrad, where coherence still "
                f"leaves {left:.0%} of the contrast; give semiangle_cutoff_mrad, or sample finer"
            )
            remarks.append((name, remark))
    cameras = [f"imaging.camera.{remark}" for remark in imaging.camera.remarks()]
    return [*told_together(remarks), *cameras]


def trial_draws(conditions: ImagingConditions) -> Conditions:
    """Draw some conditions for checks before any work.

    They reach into the tails of every parameter: all low, all in the middle, all high, and all high but one that is
    low; and into measured rows.
    """
    low, middle, high = 2.9e-7, 0.5, 1 - 2.9e-7
    varying = [KEYS[key].field for key, given in conditions.given().items() if given.kind is not None]
    crossed = np.full((len(varying), len(COLUMNS)), high)
    crossed[np.arange(len(varying)), [COLUMNS.index(field) for field in varying]] = low
    rows = 0 if conditions.measured is None else min(len(conditions.measured), MEASURED_TRIALS)
    measured = np.full((rows, len(COLUMNS)), middle)
    measured[:, COLUMNS.index("measured")] = (np.arange(rows) + 0.5) / max(rows, 1)
    ends = np.repeat([[low], [middle], [high]], len(COLUMNS), axis=1)
    return conditions.quantiles(np.concatenate([ends, crossed, measured]))
