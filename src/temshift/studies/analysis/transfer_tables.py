"""Epsilon, sigma and transfer functions of distributions of conditions, as rows of tables."""

from dataclasses import replace

import numpy as np
import polars as pl
import torch
from torch import Tensor

from temshift.conditions import COLUMNS, Conditions, ImagingConditions
from temshift.information import Information, ObjectSpectra, Survey, spectral_distance, transfer_similarity
from temshift.information.transfer.image_power import drawn_powers
from temshift.information.transfer.pairs import log_aperture_distance
from temshift.optics.image_transfer import signal_and_noise
from temshift.optics.microscope import Microscope
from temshift.optics.transfer import Array, azimuthal_transfer
from temshift.vocabulary import TRANSFER

CURVE_POINTS = 160
CURVE_DRAWS = 64
CURVE_AZIMUTHS = 8
CURVE_REACH = 1.05  # of the widest aperture


def pair_metrics(training: Information, test: Information, q: Array) -> dict[str, float]:
    """Return epsilon of both distributions of a pair, and how alike they are; ``q`` are rings of objects [1/A]."""
    distance = spectral_distance(training, test)
    return {
        "epsilon_training": training.epsilon,
        "epsilon_test": test.epsilon,
        "epsilon_test_error": test.epsilon_error,
        "sigma": transfer_similarity(distance),
        "distance": distance,
        "distance_log_aperture": log_aperture_distance(training, test, q),
    }


def transfer_curve(
    role: str, name: str, conditions: ImagingConditions, survey: Survey, objects: ObjectSpectra
) -> pl.DataFrame:
    """Return the rows of :data:`temshift.vocabulary.columns.TRANSFER` of one distribution.

    They reach up to the widest aperture.
    """
    microscope = survey.microscope
    q = np.linspace(0, CURVE_REACH * survey.semiangle / microscope.wavelength, CURVE_POINTS)
    uniform = (np.arange(CURVE_DRAWS) + 0.5)[:, None] / CURVE_DRAWS
    drawn = conditions.quantiles(np.tile(uniform, (1, len(COLUMNS))))
    central = conditions.central()
    particle = azimuthal_transfer(q, microscope.wavelength, central, objects.particle_height)
    substrate = azimuthal_transfer(q, microscope.wavelength, central, objects.substrate_height)
    spread = azimuthal_transfer(q, microscope.wavelength, drawn, objects.particle_height, azimuths=CURVE_AZIMUTHS)
    signal, signals = (_signal(q, microscope, each) for each in (central, drawn))
    columns = {
        "role": [role] * len(q),
        "name": [name] * len(q),
        "q_per_A": q,
        "particle_transfer": (signal * particle.signed)[0, 0].numpy(),
        "substrate_transfer": (signal * substrate.signed)[0, 0].numpy(),
        "particle_transfer_rms": (signals * spread.phase).abs().square().mean(dim=(0, 1)).sqrt().numpy(),
        "envelope": (signal * particle.envelope)[0, 0].numpy(),
        "information_bits": _bits(q, drawn, microscope, objects),
    }
    return pl.DataFrame(columns, schema=TRANSFER)


def _bits(q: Array, drawn: Conditions, microscope: Microscope, objects: ObjectSpectra) -> Array:
    """Mean over draws of the bits that epsilon integrates; none beyond the rings."""
    particle, substrate = (np.interp(q, objects.q, one, right=0.0) for one in (objects.particle, objects.substrate))
    there = replace(objects, q=q, particle=particle, substrate=substrate)
    return np.asarray(drawn_powers(drawn, there, microscope).bits.mean(axis=0))


def _signal(q: Array, microscope: Microscope, drawn: Conditions) -> Tensor:
    """Signal transfer of the camera (draws, 1, q); motion, which has a direction, is left out."""
    return signal_and_noise(torch.from_numpy(q), microscope, drawn)[0][:, None]
