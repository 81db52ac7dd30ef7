"""Power spectra of micrographs, and how far those of two sets lie apart: no labels, no transfer function."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cdist

from temshift.core import Grid, InputError
from temshift.core.grids import radial_average
from temshift.information.objects.specimen_spectra import ring_edges
from temshift.information.transfer.monte_carlo import jackknife_variance
from temshift.information.transfer.window_spectra import hann

LEAST_RINGS = 4
LEAST_CONTRAST = 1e-6  # standard deviation of an image over its root mean square: less is rounding
PIXELS_AT_ONCE = 2**22

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ImageSpectra:
    """Power spectra of the images of one set, each normalised.

    Attributes
    ----------
    q : ndarray (rings,)
        Spatial frequencies at the middle of the rings [1/A].
    power : ndarray (images, rings)
        Power of each image; its mean over the square of all frequencies, corners included, is 1.
    """

    q: Array
    power: Array

    @property
    def mean(self) -> Array:
        """S(q), the mean over images, (rings,)."""
        return np.asarray(self.power.mean(axis=0))


@dataclass(frozen=True)
class ImageDistance:
    """How far the spectra of two sets of images lie apart.

    Attributes
    ----------
    distance : float
        d_image, without unit, 0 to sqrt(8 / pi).
    error : float
        Its standard error from the finite number of images, by the jackknife.
    chance : float
        d_image of so many images by chance alone, about: a distance near it means nothing.
    """

    distance: float
    error: float
    chance: float


def image_spectra(
    images: ArrayLike, sampling: float | tuple[float, float], highest: float | None = None
) -> ImageSpectra:
    """Measure the radial power spectrum of each image, standardised: S = s / <s>.

    s(q) is the mean of |FT(w (I - I_0))|^2 over rings one frequency step wide, w a Hann window, for images need not
    fit together at their borders, and I_0 the mean under it; <s> is the mean over all frequencies, corners included, as
    images are standardised. Scale and offset of an image do not count.

    Parameters
    ----------
    images : array_like (images, y, x)
        Micrographs from anywhere, in any unit.
    sampling : float or tuple of float
        Pixel size [A], or that along (y, x).
    highest : float, optional
        Upper end of the rings [1/A]; the Nyquist frequency unless given, which is what d_image asks for.

    Returns
    -------
    ImageSpectra
        Of all images.

    Raises
    ------
    InputError
        If there are no images, one has pixels that are not finite or no contrast, or the band does not fit the
        pixels.

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(size=(20, 64, 64))
    >>> white = image_spectra(noise, 0.4)
    >>> round(float(np.average(white.mean, weights=white.q)), 1)
    1.0
    """
    stack = require_images(images)
    grid = Grid(stack.shape[1:], _pair(sampling))
    edges = _edges(grid, grid.nyquist if highest is None else highest)
    power = np.concatenate([radial_average(_powers(some), grid, edges) for some in _portions(stack)])
    return ImageSpectra((edges[1:] + edges[:-1]) / 2, power)


def require_images(images: ArrayLike) -> Array:
    """Return images as (images, y, x) of float64; an InputError says which have no content, and why."""
    given = np.asarray(images)
    if given.dtype.kind not in "biuf":
        raise InputError(f"images are of {given.dtype}; give real numbers, of waves the intensity")
    stack = given.astype(np.float64, copy=False)
    if stack.ndim != 3 or 0 in stack.shape:
        raise InputError(f"images have the shape {stack.shape}; give one or more as (images, y, x), all of one size")
    _refuse(stack, np.asarray(~np.isfinite(stack).all(axis=(1, 2))), "pixels that are not finite")
    deviation, size = stack.std(axis=(1, 2)), np.sqrt((stack**2).mean(axis=(1, 2)))
    _refuse(stack, np.asarray(deviation <= LEAST_CONTRAST * size), "no contrast")
    return stack


def _refuse(stack: Array, wrong: NDArray[np.bool_], fault: str) -> None:
    if wrong.any():
        first = ", ".join(str(number) for number in np.flatnonzero(wrong)[:5])
        raise InputError(f"{wrong.sum()} of {len(stack)} images have {fault}, such as number {first}; leave them out")


def _pair(sampling: float | tuple[float, float]) -> tuple[float, float]:
    y, x = sampling if isinstance(sampling, tuple) else (sampling, sampling)
    if not (0 < y < np.inf and 0 < x < np.inf):
        raise InputError(f"sampling = {sampling} A; give the size of a pixel, above 0")
    return y, x


def _edges(grid: Grid, highest: float) -> Array:
    """Borders of rings one frequency step wide, none of them beyond the Nyquist frequency."""
    if not 0 < highest <= grid.nyquist * (1 + 1e-9):
        raise InputError(
            f"highest = {highest:g} 1/A; these pixels hold frequencies above 0 and up to {grid.nyquist:g} 1/A"
        )
    edges = ring_edges(grid, highest)
    edges = edges[edges <= grid.nyquist]
    if len(edges) <= LEAST_RINGS:
        raise InputError(
            f"images of {grid.shape} pixels hold {len(edges) - 1} rings up to {highest:g} 1/A, {LEAST_RINGS} are "
            "needed; give larger images or a wider band"
        )
    return edges


def _portions(stack: Array) -> Iterator[Array]:
    """Some images at a time, so that memory stays small."""
    count = max(1, PIXELS_AT_ONCE // stack[0].size)
    return (stack[start : start + count] for start in range(0, len(stack), count))


def _powers(images: Array) -> Array:
    """|FT|^2 of the images under a Hann window, (images, y, x), each with a mean of 1."""
    window = hann(images.shape[1:])
    level = (images * window).sum(axis=(1, 2), keepdims=True) / window.sum()
    powers = np.abs(np.fft.fft2(window * (images - level))) ** 2
    return np.asarray(powers / powers.mean(axis=(1, 2), keepdims=True))


def image_distance(ours: ImageSpectra, theirs: ImageSpectra) -> ImageDistance:
    """Distance of two sets of images, sqrt(int q (sqrt S' - sqrt S)^2 dq / int q dq); symmetric.

    The form of :func:`temshift.information.spectral_distance`, of spectra that were measured instead of computed.

    Parameters
    ----------
    ours, theirs : ImageSpectra
        From :func:`image_spectra`, two images at least each, of one size and pixel size.

    Returns
    -------
    ImageDistance
        With its standard error.

    Raises
    ------
    InputError
        If their rings differ, or a set has fewer than two images.

    References
    ----------
    B. Efron and C. Stein, "The jackknife estimate of variance", Ann. Statist. 9, 586 (1981), for the error.
    """
    _require_alike([ours, theirs])
    for spectra in (ours, theirs):
        if len(spectra.power) < 2:
            raise InputError("a set of one image tells no error; give two or more")
    means = [np.sqrt(each.mean) for each in (ours, theirs)]
    left_out = [_left_out(each.power) for each in (ours, theirs)]
    weight = ours.q / ours.q.sum()
    distance = float(_norm(means[1] - means[0], weight))
    without = [_norm(left_out[0] - means[1], weight), _norm(left_out[1] - means[0], weight)]
    variance = sum(jackknife_variance(each) for each in without)
    chance = sum(jackknife_variance(each) @ weight for each in left_out)
    return ImageDistance(distance, float(np.sqrt(variance)), float(np.sqrt(chance)))


def image_distances(ours: Sequence[ImageSpectra], theirs: Sequence[ImageSpectra]) -> Array:
    """Distances d_image between all sets of one list and all of another, (ours, theirs); see :func:`image_distance`.

    Parameters
    ----------
    ours, theirs : sequence of ImageSpectra
        Of images of one size and pixel size.

    Returns
    -------
    ndarray (ours, theirs)

    Raises
    ------
    InputError
        If their rings differ.
    """
    _require_alike([*ours, *theirs])
    weight = np.sqrt(ours[0].q / ours[0].q.sum())
    here, there = (np.array([weight * np.sqrt(each.mean) for each in some]) for some in (ours, theirs))
    return np.asarray(cdist(here, there))


def _require_alike(spectra: Sequence[ImageSpectra]) -> None:
    wrong = [type(one).__name__ for one in spectra if not isinstance(one, ImageSpectra)]
    if wrong:
        raise InputError(f"given {wrong[0]}; give what image_spectra returns for a set of images")
    first = spectra[0].q
    for later in spectra[1:]:
        if len(later.q) != len(first) or not np.allclose(later.q, first, rtol=1e-3):
            raise InputError(
                f"the sets have other rings: {_rings_text(first)} and {_rings_text(later.q)}; cut and resample the "
                "images to one size and pixel size, and take one band"
            )


def _rings_text(q: Array) -> str:
    return f"{len(q)} of {q[0]:.4g} to {q[-1]:.4g} 1/A"


def _norm(difference: Array, weight: Array) -> Array:
    return np.asarray(np.sqrt(difference**2 @ weight))


def _left_out(power: Array) -> Array:
    """Sqrt S without each of the images in turn, (images, rings)."""
    return np.asarray(np.sqrt((power.sum(axis=0) - power) / (len(power) - 1)))
