"""Images as a camera gives them: blur by motion, spread of electrons, counting, gain, read noise and binning."""

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from temshift.core.grids import Grid
from temshift.optics.camera.binning import binned
from temshift.optics.camera.coincidence import coincident, coincident_counts
from temshift.optics.camera.counting import counted, expected_electrons
from temshift.optics.camera.frequencies import plane_frequencies
from temshift.optics.camera.nuisances import illuminated, marked, nuisances_of
from temshift.optics.camera.response import CameraResponse
from temshift.optics.camera.transfers import filtered, scatter_transfers, spread_transfers


@torch.no_grad()
def detect(intensities: Tensor, dose: Tensor, grid: Grid, seeds: Sequence[int], response: CameraResponse) -> Tensor:
    """Form the image that a camera gives: gain x NTF * Poisson(expected detections) + read noise, binned.

    A chain of linear stages: an electron is scattered to a random place before it is detected (transfer MTF / NTF), is
    detected with the probability DQE(0), and every detected electron is spread alike (transfer NTF). So the
    signal falls as the MTF, a flat field of n electrons a pixel has the noise power gain^2 DQE(0) n NTF^2 +
    read_noise^2, and DQE(f) = DQE(0) MTF^2 / NTF^2 where there is no read noise. The mean is gain x DQE(0) x electrons.
    Where NTF = MTF it is a blur of Poisson counts; where NTF = 1 the counts are Poisson numbers times the gain. With
    ``counting_frames`` the counts are binomial (:mod:`temshift.optics.camera.coincidence`). The
    order of stages is ours; MTF, NTF and DQE are those of the references. Illumination multiplies intensities, and
    the marks of :mod:`temshift.optics.camera.nuisances` stand on the counts before they are binned.

    A perfect image is not transformed at all. Counts take no gradients; :func:`expected_detections` does.

    Parameters
    ----------
    intensities : Tensor (n, y, x)
        Intensity sampled at the middle of each pixel, not averaged over it (the MTF holds the pixel's aperture).
    dose : Tensor (n,)
        Electrons per area [e/A^2].
    grid : Grid
        The plane of the images.
    seeds : sequence of int (n,)
        Each image draws from its own seed, first electrons, then read noise; nuisances from children of it.
    response : CameraResponse
        Of n images.

    Returns
    -------
    Tensor (n, y / binning, x / binning)
        Counts.

    Raises
    ------
    ValueError
        On a CPU, where an intensity or dose is negative or no number; if the image is no whole number of bins, or
        images, doses, seeds and responses differ in number.

    References
    ----------
    G. McMullan, S. Chen, R. Henderson and A. R. Faruqi, Ultramicroscopy 109, 1126 (2009), DOI
    10.1016/j.ultramic.2009.04.002 (MTF and DQE of cameras); "A new linear transfer theory and characterization method
    for image detectors. Part II", Ultramicroscopy 115, 78 (2012), DOI 10.1016/j.ultramic.2012.01.011 (noise that
    electrons and light spread, in CCD cameras; from its abstract)
    """
    response = response.to(intensities.device, intensities.dtype)
    spread = spread_transfers(plane_frequencies(grid, intensities.device, intensities.dtype), response)
    gains, read_noises, frames_of = (
        value.tolist() for value in (response.gain, response.read_noise, response.counting_frames)
    )
    marks = nuisances_of(response)
    noise = zip(spread, gains, read_noises, frames_of, marks, seeds, strict=True)
    lit = illuminated(intensities, marks, seeds)
    source = torch.Generator(device=intensities.device)
    images = torch.empty_like(intensities)
    for kept, mean, (transfer, gain, read_noise, frames, mark, seed) in zip(
        images, _means(lit, dose, grid, response), noise, strict=True
    ):
        counts = _read_out(mean, transfer, gain, read_noise, frames, source.manual_seed(seed))
        kept.copy_(marked(counts, mark, seed))
    return binned(images, response.settings.binning)


def expected_detections(intensities: Tensor, dose: Tensor, grid: Grid, response: CameraResponse) -> Tensor:
    """Mean number of electrons detected in each pixel, DQE(0) (blur x MTF / NTF) * electrons, at least 0.

    What coincidence loses is taken off; nuisances are left out.

    Parameters
    ----------
    intensities, dose, grid, response
        As for :func:`detect`.

    Returns
    -------
    Tensor (n, y, x)
        Takes gradients with respect to intensities, dose and every parameter of ``response``.

    Raises
    ------
    ValueError
        If images, doses and responses differ in number.
    """
    response = response.to(intensities.device, intensities.dtype)
    means = _means(intensities, dose, grid, response)
    return torch.stack([coincident(mean, frames) for mean, frames in zip(means, response.counting_frames, strict=True)])


def _means(intensities: Tensor, dose: Tensor, grid: Grid, response: CameraResponse) -> Iterator[Tensor]:
    """Expected detections of one image after the other, which needs less memory than all at once."""
    if not len(intensities) == len(dose) == len(response):
        raise ValueError(
            f"given {len(intensities)} images, {len(dose)} doses and a response of {len(response)} images; give "
            "as many of each"
        )
    scatter = scatter_transfers(plane_frequencies(grid, intensities.device, intensities.dtype), response)
    detected = dose.to(intensities) * response.dqe_zero
    for image, electrons, transfer in zip(torch.split(intensities, 1), torch.split(detected, 1), scatter, strict=True):
        arriving = expected_electrons(image, electrons, grid.pixel_area)[0]
        yield arriving if transfer is None else filtered(arriving, transfer).clamp_min(0)


def _read_out(
    expected: Tensor, spread: Tensor | None, gain: float, read_noise: float, frames: float, source: torch.Generator
) -> Tensor:
    lossless = math.isinf(frames)
    electrons = counted(expected, source) if lossless else coincident_counts(expected, frames, source)
    counts = electrons if spread is None else filtered(electrons, spread)
    if gain != 1:
        counts = gain * counts
    if read_noise > 0:
        counts = counts + torch.empty_like(counts).normal_(0, read_noise, generator=source)
    return counts
