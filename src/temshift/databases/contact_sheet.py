"""Pictures of the first specimens of wave stores."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from temshift.conditions import ImagingConditions
from temshift.core import Grid, largest_semiangle
from temshift.databases.inspection import Inspection, begun_sets
from temshift.exitwaves.store import read_shards
from temshift.figures import image_sheet
from temshift.optics import image_intensities, wave_spectra
from temshift.storage import replacing

SHOWN_SPECIMENS = 6
SHOWN_DEFOCUS_NM = (10.0, -10.0)


def draw_contact_sheet(folder: Path | str, sets: Sequence[Inspection]) -> Path:
    """Draw the first specimens of every set: amplitude, phase and images without noise, masks outlined.

    Parameters
    ----------
    folder : Path
        The folder that ``contact_sheet.png`` goes to.
    sets : sequence of Inspection
        The sets of the folder.

    Returns
    -------
    Path
        The picture.

    Raises
    ------
    InputError
        If nothing is complete.
    """
    folder = Path(folder)
    begun = begun_sets(sets)
    each = max(1, SHOWN_SPECIMENS // len(begun))
    shown = [(one, *specimen) for one in begun for specimen in islice(_specimens(one), each)]
    rows = [
        panels(wave, one.layout.grid, float(one.settings["exit_waves"]["energy_kev"]) * 1e3)
        for one, _, wave, _ in shown
    ]
    titles = ["amplitude", "phase", *(f"defocus {defocus:+g} nm" for defocus in SHOWN_DEFOCUS_NM)]
    names = [f"{one.name} {number}" for one, number, _, _ in shown]
    sampling = begun[0].layout.grid.sampling[1]
    sheet = image_sheet(rows, titles, sampling, [mask.numpy() for _, _, _, mask in shown], names)
    path = folder / "contact_sheet.png"
    with replacing(path) as temporary:
        sheet.savefig(temporary, format="png")
    return path


def _specimens(inspection: Inspection) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Number, waves and mask of the specimens that are there; shards are read one by one."""
    shards = read_shards(inspection.place, inspection.complete)
    for number, shard in zip(inspection.complete, shards, strict=True):
        yield from zip(inspection.layout.specimens_of(number), shard.waves, shard.masks, strict=True)


def panels(wave: Tensor, grid: Grid, energy: float) -> list[NDArray[Any]]:
    """Amplitude and phase [rad] of the mean of waves (phonon, y, x), and images of them under the widest aperture."""
    mean = wave.mean(dim=0)
    widest = largest_semiangle(grid.nyquist, energy)
    spectra = wave_spectra(wave[None], grid, energy, widest)
    images = [_image(spectra, defocus, widest) for defocus in SHOWN_DEFOCUS_NM]
    return [np.abs(mean.numpy()), np.angle(mean.numpy()), *images]


def _image(spectra: Any, defocus_nm: float, semiangle: float) -> NDArray[Any]:
    settings = {"defocus_nm": defocus_nm, "dose_e_per_A2": 1.0, "semiangle_cutoff_mrad": semiangle * 1e3}
    conditions = ImagingConditions.model_validate(settings).central()
    image: NDArray[Any] = image_intensities(spectra, torch.tensor([0]), conditions)[0].numpy()
    return image
