"""Which conditions stored waves and a camera can serve, and remarks about the others."""

from collections.abc import Iterator

import numpy as np
import torch

from temshift.conditions.drawn import Conditions
from temshift.conditions.imaging import COLUMNS, KEYS, ImagingConditions
from temshift.conditions.named import lens_remarks, told_together
from temshift.core.electrons import largest_semiangle, wavelength
from temshift.core.grids import Grid
from temshift.optics.band import band_of
from temshift.optics.camera import camera_response
from temshift.optics.lens import envelopes
from temshift.optics.settings import ImagingSettings
from temshift.optics.sums import require_reachable

LEAST_FREQUENCIES = 3  # steps of spatial frequency that an aperture must pass


MEASURED_TRIALS = 100  # rows of a measured table that are checked before any work, evenly over it


def imaging_faults(
    named: list[tuple[str, ImagingConditions]], imaging: ImagingSettings, grid: Grid, energy: float
) -> Iterator[str]:
    """Yield the faults of conditions that stored waves can't serve.

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

    Yields
    ------
    str
        A fault: an aperture so narrow that hardly a spatial frequency passes, or wider than the band of the waves;
        spreads that no sum is exact for; a camera that detects more than arrives.
    """
    for name, conditions in named:
        faults = [*_aperture_faults(conditions, grid, energy)] or _forming_faults(conditions, imaging, grid, energy)
        yield from (f"{name!r}: {fault}" for fault in faults)


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
) -> Iterator[str]:
    """Faults that show only once the worst of some draws are looked at closely."""
    drawn = trial_draws(conditions)
    try:
        camera_response(drawn, imaging.camera)
        if imaging.coherence == "exact":
            band = band_of(grid, wavelength(energy), conditions.widest_semiangle, dtype=torch.float64)
            require_reachable(band, drawn, imaging.tolerance)
    except ValueError as error:
        yield str(error)


def imaging_remarks(
    named: list[tuple[str, ImagingConditions]], imaging: ImagingSettings, grid: Grid, energy: float
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
        without aperture whose band ends with the grid, before coherence ends it.
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
    return told_together(remarks)


def trial_draws(conditions: ImagingConditions) -> Conditions:
    """Draw some conditions for checks before any work.

    They reach into the tails of every parameter: all low, all in the middle, all high, and all high but one that is
    low; and into measured rows.
    """
    low, middle, high = 2.9e-7, 0.5, 1 - 2.9e-7
    varying = [KEYS[key].field for key, one in conditions.given().items() if one.kind is not None]
    crossed = np.full((len(varying), len(COLUMNS)), high)
    crossed[np.arange(len(varying)), [COLUMNS.index(field) for field in varying]] = low
    rows = 0 if conditions.measured is None else min(len(conditions.measured), MEASURED_TRIALS)
    measured = np.full((rows, len(COLUMNS)), middle)
    measured[:, COLUMNS.index("measured")] = (np.arange(rows) + 0.5) / max(rows, 1)
    ends = np.repeat([[low], [middle], [high]], len(COLUMNS), axis=1)
    return conditions.quantiles(np.concatenate([ends, crossed, measured]))
