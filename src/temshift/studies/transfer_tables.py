"""What the optics of a microscope make of conditions: epsilon, sigma and transfer functions, as rows of tables."""

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor

from temshift.core.tables import TRANSFER
from temshift.datasets.micrographs import camera_response
from temshift.information.metrics import Information, information, spectral_distance, transfer_similarity
from temshift.information.microscope import Microscope
from temshift.information.spectra import ObjectSpectra
from temshift.information.transferred import power_transfer
from temshift.optics.camera import camera_transfer
from temshift.optics.conditions import Conditions
from temshift.optics.imaging import COLUMNS, ImagingConditions
from temshift.optics.transfer import azimuthal_transfer

CURVE_POINTS = 160
CURVE_DRAWS = 64
CURVE_AZIMUTHS = 8
CURVE_REACH = 1.05  # of the widest aperture


def information_of(microscope: Microscope, conditions: ImagingConditions, objects: ObjectSpectra) -> Information:
    """Return what a distribution of conditions lets through of some specimens."""
    return information(
        conditions,
        objects,
        microscope.wavelength,
        camera=microscope.imaging.camera,
        nyquist=microscope.nyquist,
        draws=microscope.draws,
        seed=microscope.seed,
    )


def pair_metrics(training: Information, test: Information, q: NDArray[np.float64]) -> dict[str, float]:
    """Return epsilon of both distributions of a pair, and how alike they are; ``q`` are spatial frequencies [1/A]."""
    distance = spectral_distance(training, test, q)
    return {
        "epsilon_training": training.epsilon,
        "epsilon_test": test.epsilon,
        "epsilon_test_error": test.epsilon_error,
        "sigma": transfer_similarity(distance),
        "distance": distance,
    }


def transfer_curve(
    role: str, name: str, conditions: ImagingConditions, microscope: Microscope, objects: ObjectSpectra
) -> pl.DataFrame:
    """Return the rows of :data:`temshift.core.tables.TRANSFER` of one distribution, up to the widest aperture."""
    electron_wavelength = microscope.wavelength
    q = np.linspace(0, CURVE_REACH * microscope.semiangle / electron_wavelength, CURVE_POINTS)
    uniform = (np.arange(CURVE_DRAWS) + 0.5)[:, None] / CURVE_DRAWS
    drawn = conditions.quantiles(np.tile(uniform, (1, len(COLUMNS))))
    central = conditions.central()
    particle = azimuthal_transfer(q, electron_wavelength, central, objects.particle_height)
    substrate = azimuthal_transfer(q, electron_wavelength, central, objects.substrate_height)
    spread = azimuthal_transfer(q, electron_wavelength, drawn, objects.particle_height, azimuths=CURVE_AZIMUTHS)
    signal, signals = (_camera_transfer(microscope, one, q) for one in (central, drawn))
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


def _bits(
    q: NDArray[np.float64], drawn: Conditions, microscope: Microscope, objects: ObjectSpectra
) -> NDArray[np.float64]:
    """Mean over draws of what epsilon integrates, log2(1 + 4 D T_p^2 P / (1 + 4 D T_c^2 C)); none beyond the rings."""
    power = power_transfer(drawn, q, microscope, objects.particle_height)
    every, thin = np.arange(len(drawn)), np.zeros(len(drawn))
    planes = (objects.particle_height, objects.particle), (objects.substrate_height, objects.substrate)
    signal, noise = (
        power.over(every, np.full(len(drawn), height), thin) * np.interp(q, objects.q, spectrum, right=0.0)
        for height, spectrum in planes
    )
    return np.asarray(np.log2(1 + signal / (1 + noise)).mean(axis=0))


def _camera_transfer(microscope: Microscope, drawn: Conditions, q: NDArray[np.float64]) -> Tensor:
    """Signal transfer of the camera (draws, 1, q); motion, which has a direction, is left out."""
    response = camera_response(drawn, microscope.imaging)
    return camera_transfer(torch.from_numpy(q / microscope.nyquist), response)[0][:, None]
