"""Powers in images under each drawn condition: particles and substrate against noise."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from temshift.conditions import Conditions
from temshift.information.objects.object_spectra import ObjectSpectra
from temshift.information.transfer.power_transfer import AZIMUTHS
from temshift.optics import Array, Microscope, phase_transfers
from temshift.optics.image_transfer import azimuthal_motion, has_azimuths, signal_and_noise


@dataclass(frozen=True)
class DrawnPowers:
    """Powers of n drawn conditions, each (n, azimuths, rings); one azimuth stands for all if they are alike.

    Attributes
    ----------
    particle : ndarray
        4 D MTF^2 T_p^2 P / N, power of the particles over that of noise.
    substrate : ndarray
        4 D MTF^2 T_c^2 C / N.
    one_plane : ndarray
        4 D MTF^2 T_p^2 C / N, the same were the substrate in the plane of the particles.
    noise : ndarray
        N, power of noise in units of the shot noise of the detected electrons.
    signed : ndarray
        MTF T_p with the sign of sin chi, motion included.
    squared : ndarray
        MTF^2 |T_p|^2, motion included.
    """

    particle: Array
    substrate: Array
    one_plane: Array
    noise: Array
    signed: Array
    squared: Array

    @property
    def bits(self) -> Array:
        """Bits that each draw carries at each frequency, log2(1 + particle / (1 + substrate)), (n, rings)."""
        return np.asarray(np.log2(1 + self.particle / (1 + self.substrate)).mean(axis=1))


def drawn_powers(drawn: Conditions, objects: ObjectSpectra, microscope: Microscope) -> DrawnPowers:
    """Compute the powers of drawn conditions.

    Pixels have the size that they are said to have. If they are larger by 1 + e, the object's frequency q is seen at
    q (1 + e), and so much more electrons fall on a pixel that 4 D P stays.

    Parameters
    ----------
    drawn : Conditions
        n conditions in float64.
    objects : ObjectSpectra
        P, C and their heights.
    microscope : Microscope
        Energy, camera and pixels.

    Returns
    -------
    DrawnPowers
    """
    q, azimuths = objects.q, AZIMUTHS if has_azimuths(drawn) else 1
    heights = objects.particle_height, objects.substrate_height
    above, below = phase_transfers(q, microscope.wavelength, drawn, heights, azimuths=azimuths)
    moved = azimuthal_motion(q, drawn, azimuths=azimuths) ** 2 if _moves(drawn) else np.ones((1, 1, 1))
    mtf, noise = (part.numpy()[:, None] for part in signal_and_noise(torch.from_numpy(q), microscope, drawn))
    squared = above.squared * moved
    parts = (squared * objects.particle, below.squared * moved * objects.substrate, squared * objects.substrate)
    particle, substrate, one_plane = (magnified(part, q, drawn.pixel_size_error) for part in parts)
    detected = (drawn.dose * drawn.dqe_zero).numpy()[:, None, None]
    counted = np.divide(4 * detected * mtf**2, noise, out=np.zeros_like(mtf), where=noise > 0)
    signed = mtf * magnified(above.signed * np.sqrt(moved), q, drawn.pixel_size_error)
    seen = mtf**2 * magnified(squared, q, drawn.pixel_size_error)
    return DrawnPowers(counted * particle, counted * substrate, counted * one_plane, noise, signed, seen)


def _moves(drawn: Conditions) -> bool:
    return bool((drawn.vibration_sigma > 0).any() or (drawn.drift > 0).any())


def magnified(values: Array, q: Array, pixel_size_error: Tensor) -> Array:
    """Return values (n, azimuths, rings) at the frequencies of the object that images show at evenly spaced q.

    At q / (1 + e), between rings linearly; beyond the ends the value there stays.
    """
    error = pixel_size_error.numpy()
    if not error.any() or len(q) == 1:
        return values
    place = np.clip((q / (1 + error[:, None]) - q[0]) / (q[1] - q[0]), 0, len(q) - 1)
    low = np.minimum(place.astype(int), len(q) - 2)
    share = (place - low)[:, None]
    ends = (np.take_along_axis(values, (low + step)[:, None], axis=2) for step in (0, 1))
    below, above = ends
    return np.asarray(below * (1 - share) + above * share)
