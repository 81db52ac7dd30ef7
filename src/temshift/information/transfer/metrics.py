"""Information that a distribution of imaging conditions transfers, in the two-plane, dose-aware form."""

from dataclasses import dataclass, fields

import numpy as np

from temshift.conditions.drawn import Conditions
from temshift.conditions.imaging import ImagingConditions, condition_deviates
from temshift.core.seeds import Stage, generator
from temshift.information.objects.object_spectra import ObjectSpectra
from temshift.information.transfer.image_noise import image_noise, image_nyquist, ring_step, rings_to
from temshift.information.transfer.image_power import DrawnPowers, drawn_powers
from temshift.information.transfer.monte_carlo import replicates
from temshift.information.transfer.survey import Survey
from temshift.optics import Array, Microscope

METRICS_VERSION = 4  # raised whenever the same spectra and conditions would give other numbers, for other optics too


@dataclass(frozen=True)
class Replicates:
    """Means over draws of conditions and azimuth, each (1 + batches, rings): of all draws, then without a batch each.

    Rings of the first two go on to the Nyquist frequency of the images, those of the others end with the objects'.

    Attributes
    ----------
    spectrum : ndarray
        S(q) up to the Nyquist frequency, mean standardised image power; its mean over the square of all frequencies
        is 1.
    one_plane : ndarray
        The same with the substrate in the plane of the particles.
    within_aperture : ndarray
        S(q) of the band of the objects alone; its mean over the band, weighted by q, is 1.
    squared : ndarray
        MTF^2 |T_p|^2, motion included.
    signed : ndarray
        MTF T_p with the sign of sin chi, motion included.
    """

    spectrum: Array
    one_plane: Array
    within_aperture: Array
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
    q : ndarray (all rings,)
        Spatial frequencies of S, up to the Nyquist frequency of the images [1/A].
    nyquist : float
        That frequency [1/A].
    assumed : bool
        Whether it is that of assumed pixels, since the microscope's have no known size.
    """

    epsilon: float
    epsilon_error: float
    bits: Array
    replicates: Replicates
    q: Array
    nyquist: float
    assumed: bool = False

    @property
    def pixel(self) -> float:
        """Size of the images' pixels [A], known or assumed."""
        return 0.5 / self.nyquist

    @property
    def spectrum(self) -> Array:
        """S(q) (all rings,), mean standardised image power; its mean over the square of all frequencies is 1."""
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

    S = E[s / <s>] with s = B N + 4 D MTF^2 B (f P T_p^2 + C T_c^2), f the area fraction of the particles, B the
    transfer of power by binning, which also folds noise back, and <s> the mean over the square of all frequencies of
    the image, corners included: the spectrum of a standardised image. It reaches up to the Nyquist frequency; beyond
    the objects' rings there is noise alone, for transfer is linear here. If the microscope's pixels have no known size,
    S is that of pixels of 0.4 A, and the result says so. An error of the pixel size moves all that is seen along q.
    Every parameter counts; odd aberrations, which shift images, count through the angular spread alone.

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
    nyquist, assumed = image_nyquist(microscope, objects.q)
    q = rings_to(objects.q, nyquist)
    each = (
        *_standardised(powers, drawn, objects, microscope, q, nyquist),
        powers.squared.mean(axis=1),
        powers.signed.mean(axis=1),
    )
    means = Replicates(*(replicates(np.broadcast_to(one, (draws, one.shape[1]))) for one in each))
    bits = powers.bits
    by_draw = np.broadcast_to(bits @ weight, draws)
    error = float(by_draw.std(ddof=1) / np.sqrt(draws))
    return Information(float(by_draw.mean()), error, bits.mean(axis=0), means, q, nyquist, assumed)


def _standardised(
    powers: DrawnPowers, drawn: Conditions, objects: ObjectSpectra, microscope: Microscope, q: Array, nyquist: float
) -> tuple[Array, Array, Array]:
    """Spectra (n, rings) of each draw: of both planes and of one plane up to Nyquist, and of both within the band."""
    noise = image_noise(drawn, microscope, q, nyquist)
    inside = min(len(objects.q), len(q))
    area = 2 * np.pi * objects.q[:inside] * ring_step(objects.q) / (2 * nyquist) ** 2
    weight = objects.q / objects.q.sum()
    whole, banded = [], []
    for film in (powers.substrate, powers.one_plane):
        signal = (powers.noise * (objects.area_fraction * powers.particle + film)).mean(axis=1)
        image = np.pad(signal[:, :inside] * noise.pixel[:inside], ((0, 0), (0, len(q) - inside)))
        mean = noise.mean + image[:, :inside] @ area
        whole.append((noise.power + image) / mean[:, None])
        banded.append(signal + powers.noise.mean(axis=1))
    return whole[0], whole[1], banded[0] / (banded[0] @ weight)[:, None]


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
