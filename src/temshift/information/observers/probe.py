"""A probe of two sets of labelled micrographs: the simplest learner goes through the change, patch by patch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from temshift.core import InputError, Stage, generator
from temshift.information.observers.learners import Learner, Rule, fit_rule, weighted_cross_entropy, weighted_f1
from temshift.information.observers.observer import Expected, average
from temshift.information.transfer.image_distance import PIXELS_AT_ONCE, require_images
from temshift.information.transfer.window_spectra import frequency_rings, hann_window, patch_size, ring_members

PATCHES = 4096
LEARNERS: tuple[Learner, ...] = ("linear", "forest")

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Patches:
    """Windowed patches of images, one half of them on particles.

    Attributes
    ----------
    powers : ndarray (n, rings)
        Ring powers of each, in units of the mean power of its image.
    labels : ndarray (n,) of int
        1 where the mask holds the pixel at its middle, else 0.
    weights : ndarray (n,)
        How many of the pixels of its kind each stands for, relative to the mean over patches.
    images : ndarray (n,) of int
        Number of the image that it was cut from.
    """

    powers: Array
    labels: NDArray[np.int64]
    weights: Array
    images: NDArray[np.int64]


@dataclass(frozen=True)
class Probe:
    """Rules that were fitted to patches of training images, by name."""

    rules: Mapping[Learner, Rule]

    def score(self, test: Patches) -> dict[str, Expected]:
        """Score each rule on patches of test images.

        Parameters
        ----------
        test : Patches
            Of the same rings.

        Returns
        -------
        dict of str to Expected
            By rule; "both" where there are two, averaged in ln(cross-entropy) and in F1. Particle and background are
            as frequent as in the images: a rule that tells nothing has the entropy of that, at most ln 2. Standard
            errors are those from the finite number of images; NaN of one image.
        """
        scored = {str(name): _scored(rule.probabilities(test.powers), test) for name, rule in self.rules.items()}
        return scored | ({"both": average(*scored.values())} if len(scored) == len(LEARNERS) else {})


def image_patches(
    images: ArrayLike, masks: ArrayLike, pixel: float, highest: float, *, count: int = PATCHES, seed: int = 0
) -> Patches:
    """Draw patches of images, half of them where the mask says particle, and measure their ring powers.

    A ring power is the mean of |FT(w (I - <I>))|^2 over a ring, relative to the variance of the image I; w is a Hann
    window of 12.8 A. One ring reaches from ``highest`` to the Nyquist frequency, for the noise of the camera. Windows
    lie wholly inside the images.

    Parameters
    ----------
    images : array_like (n, y, x)
        Micrographs from anywhere, in any unit.
    masks : array_like (n, y, x) of bool
        Ground truth: where particles are.
    pixel : float
        Size of a pixel [A].
    highest : float
        Upper end of the band that holds signal [1/A], such as the aperture.
    count : int
        Number of patches, >= 2; the same patch may come again where there are few.
    seed : int
        Seed of their places.

    Returns
    -------
    Patches

    Raises
    ------
    InputError
        If an image has pixels that are not finite or no contrast, masks are of another size, images are smaller
        than a window, the band does not fit the pixels, or one kind of pixel is missing.
    """
    stack, truth = require_images(images), np.asarray(masks, dtype=bool)
    size = _window_size(stack, truth, pixel, highest)
    half = size // 2
    middles = truth[:, half : truth.shape[1] - half + 1, half : truth.shape[2] - half + 1]
    draws = generator(seed, Stage.OBSERVER)
    places = np.concatenate([_drawn(draws, middles == kind, number) for kind, number in _shares(count)])
    labels, share = middles.ravel()[places], middles.mean()
    number, row, column = np.unravel_index(places, middles.shape)
    standard = (stack - stack.mean(axis=(1, 2), keepdims=True)) / stack.std(axis=(1, 2), keepdims=True)
    windows = sliding_window_view(standard, (size, size), axis=(1, 2))
    members = ring_members(size, pixel, frequency_rings(highest, 0.5 / pixel))
    portions = np.array_split(np.arange(count), -(-count * size**2 // PIXELS_AT_ONCE))
    rings = [_ring_powers(windows[number[some], row[some], column[some]], members) for some in portions]
    weights = np.where(labels, share / labels.mean(), (1 - share) / (1 - labels.mean()))
    return Patches(np.concatenate(rings), labels.astype(np.int64), weights, number.astype(np.int64))


def fit_probe(training: Patches, learners: Sequence[Learner] = LEARNERS, seed: int = 0) -> Probe:
    """Fit rules to patches of training images; see :func:`temshift.information.observers.learners.fit_rule`."""
    return Probe({name: fit_rule(training.powers, training.labels, name, training.weights, seed) for name in learners})


def _window_size(stack: Array, truth: NDArray[np.bool_], pixel: float, highest: float) -> int:
    if truth.shape != stack.shape:
        raise InputError(f"masks have the shape {truth.shape}, images {stack.shape}; give a mask of each image")
    if not 0 < highest <= 0.5 / pixel * (1 + 1e-9):
        raise InputError(f"highest = {highest:g} 1/A; pixels of {pixel:g} A hold above 0 and up to {0.5 / pixel:g} 1/A")
    size = patch_size(pixel)
    if min(stack.shape[1:]) < size:
        raise InputError(f"images of {stack.shape[1:]} pixels are smaller than a window of {size}; give larger images")
    return size


def _ring_powers(patches: Array, members: NDArray[np.bool_]) -> Array:
    """Mean power of each ring of frequencies under a Hann window, (n, rings)."""
    size = patches.shape[-1]
    powers = np.abs(np.fft.fft2(hann_window(size) * patches)) ** 2 / size**2
    shares = members.reshape(len(members), -1) / members.sum(axis=(1, 2))[:, None]
    return np.asarray(powers.reshape(len(powers), -1) @ shares.T)


def _shares(count: int) -> tuple[tuple[bool, int], tuple[bool, int]]:
    if count < 2:
        raise InputError(f"count = {count}; at least 2 patches are needed, one of each kind")
    return (True, count // 2), (False, count - count // 2)


def _drawn(draws: np.random.Generator, allowed: NDArray[np.bool_], count: int) -> NDArray[np.int64]:
    """Flat places of patches, each at most once unless there are too few."""
    places = np.flatnonzero(allowed)
    if len(places) == 0:
        raise InputError("masks are of one kind wherever a window fits; give images with particles and with background")
    return draws.choice(places, count, replace=len(places) < count)


def _scored(probabilities: Array, test: Patches) -> Expected:
    """Patches of one image are not independent, images are: the error is that of a ratio of sums over images."""
    losses = weighted_cross_entropy(probabilities, test.labels, test.weights)
    mean = float(losses.mean())
    surplus = np.bincount(test.images, losses - mean * test.weights)[np.unique(test.images)] / (mean * len(losses))
    number = len(surplus)
    error = float(np.sqrt(number / (number - 1) * (surplus**2).sum())) if number > 1 else float("nan")
    return Expected(mean, error, weighted_f1(probabilities, test.labels, test.weights))
