"""How two distributions of imaging conditions differ: d, sigma and their relatives."""

from dataclasses import dataclass

import numpy as np

from temshift.information.objects.object_spectra import ObjectSpectra
from temshift.information.transfer.metrics import Information
from temshift.information.transfer.monte_carlo import Estimate, estimate
from temshift.optics.transfer import Array

LEAST_POWER = 1e-30  # beyond where a camera's noise ends there is nothing; equal nothings do not differ
LEAST_TRANSFER = 1e-20  # mean T^2 below which nothing is transferred, and a ratio of transfers is 0 / 0


@dataclass(frozen=True)
class PairMetrics:
    """How two distributions of conditions differ, each with its Monte-Carlo error.

    Attributes
    ----------
    distance : Estimate
        d of :func:`spectral_distance`, two planes.
    sigma : Estimate
        exp(-d).
    one_plane_distance : Estimate
        d with the substrate in the plane of the particles.
    distance_log_aperture : Estimate
        The form that d had before: of :func:`log_aperture_distance`.
    overlap : Estimate, optional
        Of :func:`transfer_overlap`; None if neither transfers anything.
    cosine : Estimate, optional
        Of :func:`signed_cosine`; None if one of them transfers nothing on average.
    """

    distance: Estimate
    sigma: Estimate
    one_plane_distance: Estimate
    distance_log_aperture: Estimate
    overlap: Estimate | None
    cosine: Estimate | None


def pair_metrics(ours: Information, theirs: Information, objects: ObjectSpectra) -> PairMetrics:
    """Compare two distributions of conditions in all symmetric ways.

    Errors are those of a jackknife over batches of draws,
    :func:`temshift.information.transfer.monte_carlo.jackknife_error`.

    Parameters
    ----------
    ours, theirs : Information
        From :func:`temshift.information.information`, with these object spectra and with one seed.
    objects : ObjectSpectra
        Whose rings are the band.

    Returns
    -------
    PairMetrics

    Raises
    ------
    ValueError
        If they belong to other rings.
    """
    distance, one_plane = (_distances(ours, theirs, name) for name in ("spectrum", "one_plane"))
    return PairMetrics(
        estimate(distance),
        estimate(np.exp(-distance)),
        estimate(one_plane),
        estimate(_log_distances(ours, theirs, objects.q)),
        transfer_overlap(ours, theirs, objects),
        signed_cosine(ours, theirs, objects),
    )


def spectral_distance(ours: Information, theirs: Information) -> float:
    """Distance of two image spectra, d = sqrt(int q (sqrt S' - sqrt S)^2 dq / int q dq), a metric.

    The integrals go up to the Nyquist frequency of the images: a network sees every frequency there, and noise too,
    white or coloured. S is that of standardised images, with a mean of 1 over the square of all frequencies; amplitudes
    need no floor where a camera's noise ends. The disc up to the Nyquist frequency is pi / 4 of the square, and two
    spectra differ most if they have nothing in common and all power inside it: d <= sqrt(8 / pi) = 1.60. Between
    spectra with equal power in the corners it is at most about sqrt 2.

    Parameters
    ----------
    ours, theirs : Information
        From :func:`temshift.information.information`, with the same object spectra and pixels.

    Returns
    -------
    float
        d, without unit, 0 for equal spectra; symmetric, 0 to sqrt(8 / pi).

    Raises
    ------
    ValueError
        If they belong to other rings.

    References
    ----------
    Up to a factor the Hellinger distance of the two spectra: E. Hellinger, J. reine angew. Math. 136, 210 (1909).
    """
    return float(_distances(ours, theirs, "spectrum")[0])


def log_aperture_distance(ours: Information, theirs: Information, q: Array) -> float:
    """Distance of spectra within the aperture, sqrt(int q (ln S' - ln S)^2 dq / int q dq); symmetric, a metric, >= 0.

    The form of d before version 4 of the metrics, for comparison. It does not see what noise has beyond the aperture.

    Parameters
    ----------
    ours, theirs : Information
        From :func:`temshift.information.information`, with the same object spectra.
    q : ndarray (rings,)
        Spatial frequencies of those [1/A].

    Returns
    -------
    float
        In natural-log units of power, 0 for equal spectra; no upper bound.

    Raises
    ------
    ValueError
        If they belong to other rings.
    """
    return float(_log_distances(ours, theirs, q)[0])


def transfer_similarity(distance: float) -> float:
    """Turn a spectral distance into sigma = exp(-d): 1 for equal spectra, 0.20 for none in common; symmetric."""
    return float(np.exp(-distance))


def transfer_overlap(ours: Information, theirs: Information, objects: ObjectSpectra) -> Estimate | None:
    """Overlap of transfer, int q P min(T^2, T'^2) dq / int q P max(T^2, T'^2) dq; symmetric, 0 to 1, without unit.

    T^2 is the mean of MTF^2 |T_p|^2 over draws and azimuth: dose, noise and substrate do not count.

    Parameters
    ----------
    ours, theirs, objects
        As for :func:`pair_metrics`.

    Returns
    -------
    Estimate, optional
        1 for equal transfer, 0 for disjoint bands; None if neither transfers anything, 0 / 0.
    """
    weight = _particle_weight(ours, theirs, objects)
    pair = ours.replicates.squared, theirs.replicates.squared
    common, whole = np.minimum(*pair) @ weight, np.maximum(*pair) @ weight
    return None if whole.min() < LEAST_TRANSFER else estimate(common / whole)


def signed_cosine(ours: Information, theirs: Information, objects: ObjectSpectra) -> Estimate | None:
    """Signed cosine of transfer, <m, m'> / sqrt(<m, m> <m', m'>), <a, b> = int q P a b dq; symmetric, -1 to 1.

    m is the mean of MTF T_p over draws and azimuth, with the sign of sin chi: -1 for contrast that is reversed
    everywhere. Dose, noise, substrate and the phases of odd aberrations do not count. Without unit.

    Parameters
    ----------
    ours, theirs, objects
        As for :func:`pair_metrics`.

    Returns
    -------
    Estimate, optional
        None if one of them transfers nothing on average, 0 / 0.
    """
    weight = _particle_weight(ours, theirs, objects)
    m, n = ours.replicates.signed, theirs.replicates.signed
    sizes = (m**2 @ weight, n**2 @ weight)
    if min(size.min() for size in sizes) < LEAST_TRANSFER:
        return None
    return estimate(np.clip((m * n) @ weight / np.sqrt(sizes[0] * sizes[1]), -1, 1))


def _particle_weight(ours: Information, theirs: Information, objects: ObjectSpectra) -> Array:
    """Weights q P of the rings, of sum 1."""
    _require_rings(ours.replicates.squared, theirs.replicates.squared, objects.q)
    weight = objects.q * objects.particle
    return np.asarray(weight / weight.sum())


def _distances(ours: Information, theirs: Information, name: str) -> Array:
    """Distances (replicates,) between spectra of a name in the replicates."""
    if len(ours.q) != len(theirs.q) or not np.allclose(ours.q, theirs.q, rtol=1e-9):
        raise ValueError(
            f"spectra of {len(ours.q)} rings up to {ours.q[-1]:.4g} 1/A and of {len(theirs.q)} up to "
            f"{theirs.q[-1]:.4g} 1/A; compute both with the same object spectra and pixels"
        )
    difference = np.sqrt(getattr(theirs.replicates, name)) - np.sqrt(getattr(ours.replicates, name))
    return np.asarray(np.sqrt(difference**2 @ (ours.q / ours.q.sum())))


def _log_distances(ours: Information, theirs: Information, q: Array) -> Array:
    """Distances (replicates,) between logarithms of spectra within the band."""
    here, there = ours.replicates.within_aperture, theirs.replicates.within_aperture
    _require_rings(here, there, q)
    return np.asarray(np.sqrt((log_spectrum(there) - log_spectrum(here)) ** 2 @ (q / q.sum())))


def log_spectrum(spectrum: Array) -> Array:
    """Return ln S, where a camera's noise ends that of nearly nothing."""
    return np.log(np.maximum(spectrum, LEAST_POWER))


def _require_rings(ours: Array, theirs: Array, q: Array) -> None:
    if not ours.shape[-1] == theirs.shape[-1] == len(q):
        raise ValueError(
            f"spectra of {ours.shape[-1]} and {theirs.shape[-1]} rings compared on {len(q)} frequencies; compute both "
            "with the same object spectra, and so on one band"
        )
