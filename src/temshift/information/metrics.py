"""Information-transfer metrics of distributions of imaging conditions, in the two-plane, dose-aware form."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from temshift.core.seeds import Stage, generator
from temshift.information.spectra import ObjectSpectra
from temshift.information.transferred import AZIMUTHS, camera_of, has_azimuths, motion
from temshift.optics.camera import CameraSettings
from temshift.optics.conditions import Conditions
from temshift.optics.imaging import COLUMNS, ImagingConditions
from temshift.optics.transfer import azimuthal_transfer

METRICS_VERSION = 2
COUNTING = CameraSettings()
Array = NDArray[np.float64]
LEAST_POWER = 1e-30  # beyond where a camera's noise ends there is nothing; equal nothings do not differ


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
    camera: CameraSettings = COUNTING,
    nyquist: float = 1.0,
    draws: int = 256,
    seed: int = 0,
) -> Information:
    """Information that a distribution of conditions transfers about particles on a substrate.

    epsilon = E int q log2(1 + 4 D T_p^2 P / (1 + 4 D T_c^2 C)) dq / int q dq: D dose times DQE(q), P and C phase
    power of particles and substrate, T_p and T_c the transfer at their mean heights, motion included, E the mean over
    draws of conditions and over azimuth; the substrate counts as noise. S = E[s / int q s dq] with s = NTF^2 (1 +
    4 D (f P T_p^2 + C T_c^2)), f the area fraction of the particles. Read noise and errors of the pixel size are left
    out.

    Parameters
    ----------
    conditions : ImagingConditions
        The distribution.
    objects : ObjectSpectra
        P, C, heights and area fraction; its rings are the band.
    wavelength : float
        Electron wavelength [A].
    camera : CameraSettings
        The camera; a perfect one unless given.
    nyquist : float
        Nyquist frequency of its pixels [1/A], in units of which its transfer counts.
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
    drawn = conditions.quantiles(generator(seed, Stage.METRIC).random((draws, len(COLUMNS))))
    azimuths = AZIMUTHS if has_azimuths(drawn) else 1
    weight = objects.q / objects.q.sum()
    mtf, ntf = camera_of(drawn, camera, objects.q / nyquist)
    detected = (drawn.dose * drawn.dqe_zero).numpy()[:, None, None]
    power = (
        4
        * detected
        * np.divide(mtf, ntf, out=np.zeros_like(mtf), where=ntf > 0) ** 2
        * motion(drawn, objects.q, azimuths)
    )
    particle, substrate = (
        power * phase_power * _transfer_squared(objects.q, wavelength, drawn, height, azimuths)
        for height, phase_power in (
            (objects.particle_height, objects.particle),
            (objects.substrate_height, objects.substrate),
        )
    )
    bits = (np.log2(1 + particle / (1 + substrate)) @ weight).mean(axis=1)
    image = (ntf**2 * (1 + objects.area_fraction * particle + substrate)).mean(axis=1)
    spectrum = (image / (image @ weight)[:, None]).mean(axis=0)
    return Information(float(bits.mean()), float(bits.std(ddof=1) / np.sqrt(draws)), spectrum)


def _transfer_squared(q: Array, wavelength: float, drawn: Conditions, height: float, azimuths: int) -> Array:
    """T^2 of a weak phase, (draws, azimuths, rings)."""
    transfer = azimuthal_transfer(q, wavelength, drawn, height, azimuths=azimuths).phase
    return np.asarray(transfer.abs().square().numpy())


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
    ours, theirs = (np.log(np.maximum(each.spectrum, LEAST_POWER)) for each in (one, other))
    difference = theirs - ours
    return float(np.sqrt(np.average(difference**2, weights=q)))


def transfer_similarity(distance: float) -> float:
    """Turn a spectral distance into sigma = exp(-d): 1 for equal transfer, towards 0 for none in common."""
    return float(np.exp(-distance))
