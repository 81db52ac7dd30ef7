"""Marks that a beam and a camera leave in an image: uneven light, gain residue, dead and hot pixels, x-ray hits."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import IntEnum

import torch
from torch import Tensor

from temshift.core.seeds import Stage, torch_seed
from temshift.optics.camera.response import CameraResponse


class _Mark(IntEnum):
    """What a stream of random numbers is for; the integers never change."""

    ILLUMINATION = 0
    XRAYS = 1
    GAIN = 2
    FAULTS = 3


@dataclass(frozen=True)
class Nuisances:
    """The nuisances of one image, named and measured as in :class:`CameraResponse`."""

    illumination_sd: float
    gain_residue_sd: float
    dead_pixels: float
    hot_pixels: float
    hot_pixel_level: float
    xray_hits: float
    xray_counts: float
    camera_number: float

    @property
    def marks_counts(self) -> bool:
        """Whether counts differ from those of a camera without nuisances, apart from the illumination."""
        hit = self.xray_hits > 0 and self.xray_counts > 0
        return hit or self.gain_residue_sd > 0 or self.dead_pixels > 0 or self.hot_pixels > 0


def nuisances_of(response: CameraResponse) -> list[Nuisances]:
    """Return the nuisances of every image; in one transfer, if they are on a GPU."""
    rows = torch.stack([getattr(response, field.name) for field in fields(Nuisances)], dim=1)
    return [Nuisances(*row) for row in rows.double().tolist()]


def illuminated(intensities: Tensor, marks: Sequence[Nuisances], seeds: Sequence[int]) -> Tensor:
    """Multiply images by their illumination, 1 + s g: s its relative standard deviation, g a shape of its own.

    g(y, x) = a1 Y1 + a2 X1 + a3 Y2 + a4 Y1 X1 + a5 X2. Y1 is the position along y and Y2 its square, each less its mean
    over the pixels and in units of its standard deviation; X1 and X2 are the same along x. The five terms are
    orthogonal over the pixels, so that with a unit vector a, drawn evenly over all directions, the illumination has
    exactly the mean 1 and the relative standard deviation s over the image. |g| is below 5, so it is positive for s up
    to 0.2.

    Parameters
    ----------
    intensities : Tensor (n, y, x)
        Intensity.
    marks : sequence of Nuisances (n,)
        Of each image.
    seeds : sequence of int (n,)
        Of each image: its shape is drawn from a child of this seed.

    Returns
    -------
    Tensor (n, y, x)
        ``intensities`` itself if every illumination is even.
    """
    if not any(mark.illumination_sd > 0 for mark in marks):
        return intensities
    lit = intensities.clone()
    for image, mark, seed in zip(lit, marks, seeds, strict=True):
        if mark.illumination_sd > 0:
            source = _source(seed, _Mark.ILLUMINATION, image)
            image.mul_(1 + mark.illumination_sd * _illumination_shape(image, source))
    return lit


def marked(counts: Tensor, mark: Nuisances, seed: int) -> Tensor:
    """Put the marks of a camera upon the counts of one image, before they are binned.

    In this order: every pixel gets xray_counts for each x-ray hit, a Poisson number of mean xray_hits; it is multiplied
    by its gain, 1 + s z with a normal z of the camera, at least 0; dead pixels read 0, and hot ones hot_pixel_level
    times the mean of ``counts``. A pixel is dead or hot, or neither, by one uniform number of the camera: larger
    shares add pixels to those of smaller ones.

    Parameters
    ----------
    counts : Tensor (y, x)
        Counts as they are read out.
    mark : Nuisances
        Of this image.
    seed : int
        Of this image: its x-ray hits are drawn from a child of this seed. The camera's patterns depend on its number
        and the image's size in pixels alone.

    Returns
    -------
    Tensor (y, x)
        ``counts`` itself without nuisances.
    """
    if not mark.marks_counts:
        return counts
    read = counts
    if mark.xray_hits > 0 and mark.xray_counts > 0:
        rate = torch.full_like(read, mark.xray_hits)
        read = read + mark.xray_counts * torch.poisson(rate, generator=_source(seed, _Mark.XRAYS, read))
    number = round(mark.camera_number)
    if mark.gain_residue_sd > 0:
        pattern = torch.empty_like(read).normal_(generator=_source(number, _Mark.GAIN, read))
        read = read * pattern.mul_(mark.gain_residue_sd).add_(1).clamp_min_(0)
    if mark.dead_pixels > 0 or mark.hot_pixels > 0:
        uniform = torch.empty_like(read).uniform_(generator=_source(number, _Mark.FAULTS, read))
        read = torch.where(uniform < mark.dead_pixels, 0.0, read)
        read = torch.where(uniform >= 1 - mark.hot_pixels, mark.hot_pixel_level * counts.mean(), read)
    return read


def _source(seed: int, mark: _Mark, like: Tensor) -> torch.Generator:
    return torch.Generator(device=like.device).manual_seed(torch_seed(seed, Stage.NUISANCE, mark))


def _illumination_shape(like: Tensor, source: torch.Generator) -> Tensor:
    """Shape g (y, x) of mean 0 and variance 1 over the pixels."""
    direction = torch.empty(5, dtype=like.dtype, device=like.device).normal_(generator=source)
    weights = direction / torch.linalg.vector_norm(direction)
    (y1, y2), (x1, x2) = (_polynomials(side, like) for side in like.shape)
    along_y = weights[0] * y1 + weights[2] * y2
    along_x = weights[1] * x1 + weights[4] * x2
    shape: Tensor = along_y[:, None] + along_x + weights[3] * y1[:, None] * x1
    return shape


def _polynomials(side: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Position along a side and its square (side,), each of mean 0 and variance 1; 0 on too few pixels to vary."""
    position = torch.linspace(-1, 1, side, dtype=torch.float64, device=like.device)
    linear, square = (_normalised(power).to(like.dtype) for power in (position, position.square()))
    return linear, square


def _normalised(values: Tensor) -> Tensor:
    centred = values - values.mean()
    deviation = centred.square().mean().sqrt()
    return torch.where(deviation > 1e-9, centred / deviation.clamp_min(1e-9), torch.zeros_like(centred))
