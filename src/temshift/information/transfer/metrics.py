"""Information-transfer metrics of distributions of imaging conditions, in the two-plane, dose-aware form."""

from dataclasses import dataclass, fields

import numpy as np

from temshift.conditions.imaging import ImagingConditions, condition_deviates
from temshift.core.seeds import Stage, generator
from temshift.information.objects.object_spectra import ObjectSpectra
from temshift.information.transfer.image_power import drawn_powers
from temshift.information.transfer.monte_carlo import Estimate, estimate, replicates
from temshift.information.transfer.survey import Survey
from temshift.optics.microscope import Microscope
from temshift.optics.transfer import Array

METRICS_VERSION = 3  # raised whenever the same spectra and conditions would give other numbers, for other optics too
LEAST_POWER = 1e-30  # beyond where a camera's noise ends there is nothing; equal nothings do not differ
LEAST_TRANSFER = 1e-20  # mean T^2 below which nothing is transferred, and a ratio of transfers is 0 / 0


@dataclass(frozen=True)
class Replicates:
    """Means over draws of conditions and azimuth, each (1 + batches, rings): of all draws, then without a batch each.

    Attributes
    ----------
    spectrum : ndarray
        S(q), mean normalised image power; its mean over the band, weighted by q, is 1.
    one_plane : ndarray
        The same with the substrate in the plane of the particles.
    squared : ndarray
        MTF^2 |T_p|^2, motion included.
    signed : ndarray
        MTF T_p with the sign of sin chi, motion included.
    """

    spectrum: Array
    one_plane: Array
    squared: Array
    signed: Array


@dataclass(frozen=True)
class Information:
    """Information that a distribution of conditions transfers.

    Attributes
    ----------
    epsilon : float
        Bits a spatial frequency.
    epsilon_error : float
        Its standard error from the finite number of draws.
    bits : ndarray (rings,)
        Bits at each spatial frequency; their mean over the band, weighted by q, is epsilon.
    replicates : Replicates
        Means over draws, from which metrics of pairs and their errors follow.
    """

    epsilon: float
    epsilon_error: float
    bits: Array
    replicates: Replicates

    @property
    def spectrum(self) -> Array:
        """S(q) (rings,), mean normalised image power; its mean over the band, weighted by q, is 1."""
        return np.asarray(self.replicates.spectrum[0])

    @property
    def transfer_rms(self) -> Array:
        """Root mean square of MTF |T_p| (rings,), between 0 and 1."""
        return np.asarray(np.sqrt(self.replicates.squared[0]))


def information(
    conditions: ImagingConditions,
    objects: ObjectSpectra,
    microscope: Microscope,
    *,
    draws: int = 256,
    seed: int = 0,
) -> Information:
    """Information that a distribution of conditions transfers about particles on a substrate.

    epsilon = E int q log2(1 + 4 D MTF^2 T_p^2 P / (N + 4 D MTF^2 T_c^2 C)) dq / int q dq: D dose times DQE(0), P and C
    phase power of particles and substrate, T_p and T_c the transfer at their mean heights with all envelopes and
    motion, N = NTF^2 + (read noise / gain)^2 / (detected electrons a pixel) the noise, E the mean over draws of
    conditions and over azimuth; the substrate counts as noise. In bits a spatial frequency, 0 (nothing) to infinity.

    S = E[s / (int q s dq / int q dq)] with s = N + 4 D MTF^2 (f P T_p^2 + C T_c^2), f the area fraction of the
    particles. An error of the pixel size moves all that is seen along q. Every parameter counts; odd
    aberrations, which shift images, count through the angular spread alone.

    Parameters
    ----------
    conditions : ImagingConditions
        The distribution.
    objects : ObjectSpectra
        P, C, heights and area fraction; its rings are the band.
    microscope : Microscope
        Energy, camera and pixels. Signals that binning folds back are left out.
    draws : int
        Number of draws of conditions, >= 2.
    seed : int
        Seed of the draws: distributions compared with one seed share their uniform deviates.

    Returns
    -------
    Information
        epsilon, whose error is the standard deviation over draws / sqrt(draws), and S.

    Raises
    ------
    ValueError
        For fewer than 2 draws, or object spectra that are negative or no numbers.

    References
    ----------
    L. Rangel DaCosta and M. C. Scott, arXiv 2512.09067 (2025), for the idea; this form is this project's own.
    """
    _require_sound(objects, draws)
    varied = any(one.kind is not None for one in conditions.distributions().values())
    uniform = condition_deviates(generator(seed, Stage.METRIC), draws)
    drawn = conditions.quantiles(uniform if varied else uniform[:1])
    weight = objects.q / objects.q.sum()
    powers = drawn_powers(drawn, objects, microscope)
    particle = 1 + objects.area_fraction * powers.particle
    images = ((powers.noise * (particle + film)).mean(axis=1) for film in (powers.substrate, powers.one_plane))
    spectra = (image / (image @ weight)[:, None] for image in images)
    each = (*spectra, powers.squared.mean(axis=1), powers.signed.mean(axis=1))
    means = Replicates(*(replicates(np.broadcast_to(one, (draws, len(weight)))) for one in each))
    bits = powers.bits
    by_draw = np.broadcast_to(bits @ weight, draws)
    return Information(float(by_draw.mean()), float(by_draw.std(ddof=1) / np.sqrt(draws)), bits.mean(axis=0), means)


def information_of(survey: Survey, conditions: ImagingConditions, objects: ObjectSpectra) -> Information:
    """Return :func:`information` with the microscope, the draws and the seed of a survey."""
    return information(conditions, objects, survey.microscope, draws=survey.draws, seed=survey.seed)


def _require_sound(objects: ObjectSpectra, draws: int) -> None:
    if draws < 2:
        raise ValueError(f"draws = {draws}; must be 2 or more, since one draw tells no error")
    numbers = [value for field in fields(objects) for value in np.atleast_1d(getattr(objects, field.name))]
    if not np.isfinite(numbers).all():
        raise ValueError("object spectra hold numbers that are not finite; measure them again, or leave out a specimen")
    if min(objects.particle.min(), objects.substrate.min(), objects.q.min()) < 0:
        raise ValueError("object spectra hold negative powers or frequencies; powers are |FT|^2, which can't be")


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
    overlap : Estimate, optional
        Of :func:`transfer_overlap`; None if neither transfers anything.
    cosine : Estimate, optional
        Of :func:`signed_cosine`; None if one of them transfers nothing on average.
    """

    distance: Estimate
    sigma: Estimate
    one_plane_distance: Estimate
    overlap: Estimate | None
    cosine: Estimate | None


def pair_metrics(ours: Information, theirs: Information, objects: ObjectSpectra) -> PairMetrics:
    """Compare two distributions of conditions in all symmetric ways.

    Errors are those of a jackknife over batches of draws,
    :func:`temshift.information.transfer.monte_carlo.jackknife_error`.

    Parameters
    ----------
    ours, theirs : Information
        From :func:`information`, with these object spectra and with one seed.
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
    distance = _distances(ours.replicates.spectrum, theirs.replicates.spectrum, objects.q)
    one_plane = _distances(ours.replicates.one_plane, theirs.replicates.one_plane, objects.q)
    return PairMetrics(
        estimate(distance),
        estimate(np.exp(-distance)),
        estimate(one_plane),
        transfer_overlap(ours, theirs, objects),
        signed_cosine(ours, theirs, objects),
    )


def spectral_distance(ours: Information, theirs: Information, q: Array) -> float:
    """Distance of two image spectra, d = sqrt(int q (ln S' - ln S)^2 dq / int q dq); symmetric, a metric, >= 0.

    Parameters
    ----------
    ours, theirs : Information
        From :func:`information`, with the same object spectra.
    q : ndarray (rings,)
        Spatial frequencies [1/A].

    Returns
    -------
    float
        d in natural-log units of power, 0 for equal spectra; no upper bound.

    Raises
    ------
    ValueError
        If they belong to other rings.
    """
    return float(_distances(ours.replicates.spectrum[:1], theirs.replicates.spectrum[:1], q)[0])


def transfer_similarity(distance: float) -> float:
    """Turn a spectral distance into sigma = exp(-d): 1 for equal transfer, towards 0 for none in common; symmetric."""
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


def _distances(ours: Array, theirs: Array, q: Array) -> Array:
    """Distances (replicates,) between spectra (replicates, rings)."""
    _require_rings(ours, theirs, q)
    difference = log_spectrum(theirs) - log_spectrum(ours)
    return np.asarray(np.sqrt(difference**2 @ (q / q.sum())))


def log_spectrum(spectrum: Array) -> Array:
    """Return ln S, where a camera's noise ends that of nearly nothing."""
    return np.log(np.maximum(spectrum, LEAST_POWER))


def _require_rings(ours: Array, theirs: Array, q: Array) -> None:
    if not ours.shape[-1] == theirs.shape[-1] == len(q):
        raise ValueError(
            f"spectra of {ours.shape[-1]} and {theirs.shape[-1]} rings compared on {len(q)} frequencies; compute both "
            "with the same object spectra, and so on one band"
        )
