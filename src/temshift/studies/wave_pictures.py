"""Pictures of wave stores: what the first specimens look like."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from temshift.core.electrons import wavelength
from temshift.core.files import replacing
from temshift.core.grids import Grid
from temshift.exitwaves.store import read_geometry, read_masks, read_waves
from temshift.optics.conditions import ImagingConditions
from temshift.optics.images import image_intensities, wave_spectra
from temshift.report import image_sheet
from temshift.studies.inspection import Inspection, first_complete

SHOWN_SPECIMENS = 6
SHOWN_DEFOCUS_NM = (10.0, -10.0)


def draw_contact_sheet(folder: Path, found: Sequence[Inspection]) -> Path:
    """Draw the first specimens of the first set that holds any: amplitude, phase with mask, images without noise.

    Parameters
    ----------
    folder : Path
        Where ``contact_sheet.png`` goes.
    found : sequence of Inspection
        What is there.

    Returns
    -------
    Path
        The picture.

    Raises
    ------
    InputError
        Where nothing is complete.
    """
    one = first_complete(found)
    shard = one.complete[0]
    waves, masks = read_waves(one.place, shard)[:SHOWN_SPECIMENS], read_masks(one.place, shard)[:SHOWN_SPECIMENS]
    energy = float(one.settings["exit_waves"]["energy_kev"]) * 1e3
    rows = [panels(wave, one.layout.grid, energy) for wave in waves]
    names = [f"{one.name} {row['specimen']}" for row in read_geometry(one.place, [shard])]
    titles = ["amplitude", "phase and mask", *(f"defocus {defocus:+g} nm" for defocus in SHOWN_DEFOCUS_NM)]
    path = folder / "contact_sheet.png"
    with replacing(path) as temporary:
        image_sheet(rows, titles, one.layout.grid.sampling[1], list(masks.numpy()), names).savefig(
            temporary, format="png"
        )
    return path


def panels(wave: Tensor, grid: Grid, energy: float) -> list[NDArray[Any]]:
    """Amplitude and phase [rad] of the mean of waves (phonon, y, x), and images of them under the widest aperture."""
    mean = wave.mean(dim=0)
    widest = grid.nyquist / 2 * wavelength(energy)
    spectra = wave_spectra(wave[None], grid, energy, widest)
    images = [_image(spectra, defocus, widest) for defocus in SHOWN_DEFOCUS_NM]
    return [np.abs(mean.numpy()), np.angle(mean.numpy()), *images]


def _image(spectra: Any, defocus_nm: float, semiangle: float) -> NDArray[Any]:
    settings = {"defocus_nm": defocus_nm, "dose_e_per_A2": 1.0, "semiangle_cutoff_mrad": semiangle * 1e3}
    conditions = ImagingConditions.model_validate(settings).central()
    image: NDArray[Any] = image_intensities(spectra, torch.tensor([0]), conditions)[0].numpy()
    return image
