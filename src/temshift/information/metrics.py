"""Information-transfer metrics of distributions of imaging conditions, in the two-plane, dose-aware form."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from temshift.core.seeds import Stage, generator
from temshift.information.spectra import ObjectSpectra
from temshift.optics.conditions import UNITS, ImagingConditions
from temshift.optics.transfer import phase_transfer

METRICS_VERSION = 1
AZIMUTHS = 64  # enough for a twofold astigmatism of 40 nm up to 0.6 / A


@dataclass(frozen=True)
class Information:
    """What a distribution of conditions transfers.

    Attributes
    ----------
    epsilon : float
        Bits a spatial frequency.
    epsilon_error : float
        Its standard error from the finite number of draws.
    spectrum : ndarray (rings,)
        S(q), mean normalised image power; its mean over the band, weighted by q, is 1.
    """

    epsilon: float
    epsilon_error: float
    spectrum: NDArray[np.float64]


def information(
    conditions: ImagingConditions,
    objects: ObjectSpectra,
    wavelength: float,
    *,
    draws: int = 256,
    seed: int = 0,
) -> Information:
    """Information that a distribution of conditions transfers about particles on a substrate.

    epsilon = E int q log2(1 + 4 D T_p^2 P / (1 + 4 D T_c^2 C)) dq / int q dq: D dose, P and C phase power of
    particles and substrate, T_p and T_c the transfer at their mean heights, E the mean over draws of conditions and
    over azimuth; the substrate counts as noise. S = E[s / int q s dq] with s = 1 + 4 D (f P T_p^2 + C T_c^2), f the
    area fraction of the particles.

    Parameters
    ----------
    conditions : ImagingConditions
        The distribution.
    objects : ObjectSpectra
        P, C, heights and area fraction; its rings are the band.
    wavelength : float
        Electron wavelength [A].
    draws : int
        Number of draws of conditions, >= 2.
    seed : int
        Seed of the draws: distributions compared with one seed share their uniform deviates.

    Returns
    -------
    Information
        epsilon >= 0 and the spectrum S.

    References
    ----------
    L. Rangel DaCosta and M. C. Scott, arXiv 2512.09067 (2025), for the idea; this form is this project's own.
    """
    drawn = conditions.quantiles(generator(seed, Stage.METRIC).random((draws, len(UNITS))))
    azimuths = AZIMUTHS if bool((drawn.C12 > 0).any()) else 1
    weight = objects.q / objects.q.sum()
    power = 4 * drawn.dose.numpy()[:, None, None]
    particle, substrate = (
        power * phase_transfer(objects.q, wavelength, drawn, height, azimuths=azimuths)[0].numpy() ** 2 * phase_power
        for height, phase_power in (
            (objects.particle_height, objects.particle),
            (objects.substrate_height, objects.substrate),
        )
    )
    bits = (np.log2(1 + particle / (1 + substrate)) @ weight).mean(axis=1)
    image = (1 + objects.area_fraction * particle + substrate).mean(axis=1)
    spectrum = (image / (image @ weight)[:, None]).mean(axis=0)
    return Information(float(bits.mean()), float(bits.std(ddof=1) / np.sqrt(draws)), spectrum)


def spectral_distance(one: Information, other: Information, q: NDArray[np.float64]) -> float:
    """Distance of two image spectra, d = sqrt(int q (ln S' - ln S)^2 dq / int q dq); symmetric, >= 0.

    Parameters
    ----------
    one, other : Information
        From :func:`information`, with the same object spectra.
    q : ndarray (rings,)
        Spatial frequencies [1/A].

    Returns
    -------
    float
        d in natural-log units of power.
    """
    difference = np.log(other.spectrum) - np.log(one.spectrum)
    return float(np.sqrt(np.average(difference**2, weights=q)))


def transfer_similarity(distance: float) -> float:
    """Turn a spectral distance into sigma = exp(-d): 1 for equal transfer, towards 0 for none in common."""
    return float(np.exp(-distance))
