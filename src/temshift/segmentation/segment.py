"""From a micrograph to a mask and its particles: clean, bring to the network's pixels, segment, measure."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from temshift.core import Grid, InputError
from temshift.networks.tiles import segmented_in_windows
from temshift.optics import standardised
from temshift.recordings import Micrograph
from temshift.scoring import Network, Reading, origin_of_network, pixel_text
from temshift.scoring.reading import LogitsOf
from temshift.segmentation.cleaning.steps import Cleaned, Cleaning, Step, cleaned
from temshift.segmentation.instances import instances
from temshift.segmentation.lattice import LatticeCheck, check_lattice
from temshift.segmentation.particles import measure
from temshift.segmentation.pixels import on_pixels, shape_for
from temshift.specimens import Crystal, crystal_named

SMALLEST_NM = 1.0  # diameter: smaller specks are noise of the network
_NM = 10.0  # angstrom


@dataclass(frozen=True)
class Segmentation:
    """A micrograph with its mask and particles.

    Attributes
    ----------
    micrograph : Micrograph
        As it was read.
    cleaned : Cleaned
        Without bars, hot pixels and all else, on the pixels of the camera.
    grid : Grid
        The pixels that the network was given, over the cleaned part.
    image : ndarray (y, x) of float32
        That the network was given, with mean 0 and variance 1.
    logits : ndarray (y, x) of float32
        Of "particle", on these pixels.
    hidden : ndarray (y, x) of bool
        Those of these pixels that lie under a scale bar.
    mask : ndarray (y, x) of bool
        Logit above 0; nothing under scale bars.
    labels : ndarray (y, x) of int32
        Numbers of the particles, 0 outside.
    particles : polars.DataFrame
        One row a particle, see :func:`temshift.segmentation.measure`.
    check : LatticeCheck or None
        Of the pixel size, if a crystal was named.
    steps : tuple of Step
        All that was done, in its order.
    """

    micrograph: Micrograph
    cleaned: Cleaned
    grid: Grid
    image: NDArray[np.float32]
    logits: NDArray[np.float32]
    hidden: NDArray[np.bool_]
    mask: NDArray[np.bool_]
    labels: NDArray[np.int32]
    particles: pl.DataFrame
    check: LatticeCheck | None
    steps: tuple[Step, ...]


def segment(
    network: Network,
    micrograph: Micrograph,
    *,
    cleaning: Cleaning | None = None,
    reading: Reading | None = None,
    crystal: Crystal | str | None = None,
    split: bool = True,
    smallest_nm: float = SMALLEST_NM,
    device: str = "cpu",
) -> Segmentation:
    """Segment a micrograph with anyone's network, and measure its particles.

    Parameters
    ----------
    network : callable
        From standardised images (n, 1, y, x) to logits of "particle", or as ``reading`` says. If its ``origin`` knows
        the pixels that it was trained on, images are brought to them.
    micrograph : Micrograph
        See `temshift.read_micrograph`.
    cleaning : Cleaning, optional
        The steps to take; all but inverting by default.
    reading : Reading, optional
        How its output is read, and whether any pixels will do.
    crystal : Crystal or str, optional
        What the particles are, to check the pixel size by their lattice.
    split : bool
        Whether touching particles are split.
    smallest_nm : float
        Diameter of the smallest particle that counts [nm].
    device : str
        That the network is on.

    Returns
    -------
    Segmentation

    Raises
    ------
    InputError
        If the image does not fit the network; the message names the remedy.
    """
    if not smallest_nm >= 0:
        raise InputError(f"smallest_nm = {smallest_nm}; it must be 0 or more")
    reading = reading or Reading()
    clean = cleaned(micrograph.counts, cleaning or Cleaning(), micrograph.name)
    camera = Grid(clean.counts.shape, micrograph.pixel_angstrom.value)
    check = None if crystal is None else check_lattice(clean.counts, camera, _crystal(crystal))
    grid, brought = _network_grid(network, camera, reading, micrograph.name)
    image = standardised(torch.from_numpy(on_pixels(clean.counts, grid.shape)))
    logits = _logits(LogitsOf(network, reading), image[None, None], device)
    hidden = clean.hidden[_nearest(camera.shape, grid.shape)]
    mask = (logits > 0) & ~hidden
    area = np.pi / 4 * (smallest_nm * _NM) ** 2
    labels, specks = instances(mask, area / grid.pixel_area, split=split)
    steps = (*_read_steps(micrograph), *clean.steps, brought, *_lattice_step(check), _specks_step(specks, smallest_nm))
    return Segmentation(
        micrograph,
        clean,
        grid,
        image.numpy(),
        logits,
        hidden,
        mask,
        labels,
        measure(labels, logits, grid, hidden),
        check,
        steps,
    )


def _crystal(crystal: Crystal | str) -> Crystal:
    return crystal_named(crystal) if isinstance(crystal, str) else crystal


def _network_grid(network: Network, camera: Grid, reading: Reading, name: str) -> tuple[Grid, Step]:
    origin = origin_of_network(network)
    pixel = None if origin is None else origin.pixel_angstrom
    shape = shape_for(camera, pixel, name, any_pixel=reading.any_pixel)
    grid = Grid(shape, (camera.extent[0] / shape[0], camera.extent[1] / shape[1]))
    if shape != camera.shape:
        size = f"{camera.shape[0]} x {camera.shape[1]} pixels become {shape[0]} x {shape[1]}"
        return grid, Step("pixels", f"{size} of {pixel_text(grid.sampling)} A, those of the network", True)
    if pixel is None:
        unknown = "the pixels that the network was trained on are not known: the image is segmented as it is"
        return grid, Step("pixels", unknown, True)
    return grid, Step("pixels", f"pixels of {pixel_text(grid.sampling)} A are kept", False)


def _logits(network: LogitsOf, images: torch.Tensor, device: str) -> NDArray[np.float32]:
    """Segment an image, in windows if it is large."""
    with torch.inference_mode():
        logits = segmented_in_windows(lambda part: network(part.to(device)).float().cpu(), images)
    segmented: NDArray[np.float32] = logits[0, 0].numpy()
    if not np.isfinite(segmented).all():
        raise InputError("the network gives logits that are no numbers; train or export it again")
    return segmented


def _nearest(shape: tuple[int, int], new: tuple[int, int]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Indices of the pixels of an image that lie nearest to those of another over the same field."""
    places = [((np.arange(size) + 0.5) * old / size).astype(np.intp) for old, size in zip(shape, new, strict=True)]
    return np.ix_(*places)  # type: ignore[return-value]


def _read_steps(micrograph: Micrograph) -> list[Step]:
    return [Step("read", remark, True) for remark in micrograph.remarks]


def _lattice_step(check: LatticeCheck | None) -> list[Step]:
    return [] if check is None else [Step("lattice", check.sentence, check.mismatch)]


def _specks_step(specks: int, smallest_nm: float) -> Step:
    return Step("specks", f"{specks} specks of less than {smallest_nm:g} nm are left out of the particles", specks > 0)


def on_camera(values: NDArray[np.generic], segmentation: Segmentation) -> NDArray[np.generic]:
    """Return a plane of the network's pixels on those of the micrograph as it was read, by the nearest pixel.

    Parameters
    ----------
    values : ndarray (y, x)
        Such as the mask or the labels.
    segmentation : Segmentation
        Its own.

    Returns
    -------
    ndarray (y, x)
        Of the shape of the micrograph; 0 outside the cleaned part.
    """
    whole = np.zeros(segmentation.micrograph.counts.shape, values.dtype)
    part = whole[segmentation.cleaned.part]
    part[...] = values[_nearest(values.shape, part.shape)]
    return whole


def on_network(values: NDArray[Any], segmentation: Segmentation) -> NDArray[Any]:
    """Return a plane of the micrograph on the network's pixels, by the nearest pixel, as masks are sampled.

    Parameters
    ----------
    values : ndarray (y, x)
        Such as labels, of the shape of the micrograph as it was read.
    segmentation : Segmentation
        Its own.

    Returns
    -------
    ndarray (y, x)
        Of the cleaned part.
    """
    part = values[segmentation.cleaned.part]
    sampled: NDArray[Any] = part[_nearest(part.shape, segmentation.grid.shape)]
    return sampled
