"""How the output of anyone's network is read as logits of "particle", and on which pixels it is asked."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from temshift.core import Grid, InputError, TemshiftError
from temshift.exitwaves.origin import Origin, same_pixels
from temshift.scoring.scores import Network

Gives = Literal["logits", "probability", "two-class"]

LEAST_PROBABILITY = 1e-7  # probabilities are kept so far from 0 and 1: a pixel costs 16 nat at most
MOST_FINER = 8  # times: finer pixels add nothing, and images beyond all memory are no use
_UNITY = 1e-3  # by how far the sum of probabilities in single or half precision may miss 1
_CHOICES = "|".join(get_args(Gives))
_SAY = f"say with --gives {_CHOICES} (gives= in Python) which it gives"
_PROBABILITIES = ("Sigmoid", "HardSigmoid", "Softmax", "LogSoftmax", "Hardmax")
_BOUNDED = ("Tanh", "Relu", "Softplus", "Abs", "Round", "ArgMax")  # signs and sizes of these are no logits'


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How a network is asked, and its output read.

    Attributes
    ----------
    gives : {"logits", "probability", "two-class"}, optional
        The meaning of its output; "two-class" are logits or probabilities of several classes, of which the particle's
        is held against the others. None means logits, and an output that looks like probabilities is refused.
    channel : int, optional
        The channel of "particle"; needed if there are several; with "two-class" the last of two is taken if it is
        left out.
    resample : bool
        Bring images to the pixels that the network was trained on, if these are known and others.
    any_pixel : bool
        Score it on other pixels than those.
    """

    gives: Gives | None = None
    channel: int | None = None
    resample: bool = False
    any_pixel: bool = False

    def __post_init__(self) -> None:
        if self.resample and self.any_pixel:
            raise InputError("--resample and --any-pixel exclude each other; give one of them")
        if self.gives not in (None, *get_args(Gives)):
            raise InputError(f"gives = {self.gives!r} is not known; allowed: {', '.join(get_args(Gives))}")
        if self.channel is not None and self.channel < 0:
            raise InputError(f"channel = {self.channel}: channels count from 0")


def origin_of_network(network: Any) -> Origin | None:
    """Return the images that a network was trained on; None if nothing is known of them."""
    origin = getattr(network, "origin", None)
    return origin if isinstance(origin, Origin) else None


def image_shape(origin: Origin | None, grid: Grid, reading: Reading) -> tuple[int, int] | None:
    """Return the pixels (y, x) that images are to be brought to; None if they stay as they are.

    Parameters
    ----------
    origin : Origin or None
        Of the network.
    grid : Grid
        The pixels of the images.
    reading : Reading
        Whether other pixels are allowed.

    Raises
    ------
    InputError
        If the network was trained on other pixels, and neither remedy is chosen, or if its pixels are not known and
        images shall be brought to them.
    """
    pixel = None if origin is None else origin.pixel_angstrom
    if pixel is None:
        if reading.resample:
            raise InputError("the network does not say which pixels it was trained on; leave --resample out")
        return None
    if reading.any_pixel or same_pixels(pixel, grid.sampling):
        return None
    if not reading.resample:
        raise InputError(
            f"the network was trained on pixels of {pixel_text(pixel)} A, and these images have pixels of "
            f"{pixel_text(grid.sampling)} A; give --resample (resample=True) if images shall be brought to its pixels, "
            "--any-pixel (any_pixel=True) if it shall be scored as it is, or simulate waves on its pixels: "
            "stored_sampling_angstrom"
        )
    shape = tuple(round(length / side) for length, side in zip(grid.extent, pixel, strict=True))
    if min(shape) < 2 or any(new > MOST_FINER * old for new, old in zip(shape, grid.shape, strict=True)):
        raise InputError(
            f"an image of {grid.shape} pixels would have {shape} of {pixel_text(pixel)} A; allowed: at least 2, and at "
            f"most {MOST_FINER} times as many along each axis; is the pixel size of the network right?"
        )
    return shape[0], shape[1]


class LogitsOf:
    """A network whose output is read as logits of "particle".

    Parameters
    ----------
    network : callable
        From standardised images (n, 1, y, x) to (n, channels, y, x).
    reading : Reading
        How its output is read.

    Raises
    ------
    InputError
        If its file says already that the output can't be read so.
    """

    def __init__(self, network: Network, reading: Reading) -> None:
        self.network, self.reading = network, reading
        self._shows_logits = reading.gives is not None
        last, channels = getattr(network, "ending", ""), getattr(network, "channels", None)
        if last in (*_PROBABILITIES, *_BOUNDED) and reading.gives is None:
            raise InputError(f"the network ends in {last}, so that its output is no logit; {_SAY}")
        if channels is not None:
            _require_channel(
                reading, int(channels), f"{getattr(network, 'name', 'the network')} gives {channels} channels"
            )

    def __call__(self, images: Tensor) -> Tensor:
        """Map images (n, 1, y, x) to logits (n, 1, y, x).

        Raises
        ------
        TemshiftError
            If the output has another shape.
        InputError
            If it can't be read as it is said to be.
        """
        output = self.network(images)
        if not isinstance(output, Tensor) or output.ndim != 4 or _but_channels(output) != _but_channels(images):
            other = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
            raise TemshiftError(
                f"the network gives {other} for images {tuple(images.shape)}; it must give a Tensor of one logit of "
                '"particle" a pixel, of the shape of the images, or of several channels'
            )
        given = f"the network gives {tuple(output.shape)} for images {tuple(images.shape)}"
        channel = _require_channel(self.reading, output.shape[1], given)
        if not self._shows_logits:  # until a batch holds other values than probabilities have
            _refuse_probabilities(output, channel)
            self._shows_logits = not _within_unity(output[:, channel])
        return _READ[self.reading.gives](output, channel).contiguous()


def _but_channels(images: Tensor) -> tuple[int, ...]:
    return len(images), *images.shape[2:]


def _require_channel(reading: Reading, channels: int, given: str) -> int:
    """Return the channel of "particle", or refuse a number of channels that does not fit."""
    if reading.gives == "two-class" and channels < 2:
        raise InputError(f"{given}, and two-class needs two channels or more; give --gives probability if it is one")
    if reading.channel is not None and reading.channel >= channels:
        raise InputError(f"{given}: there is no channel {reading.channel}; give --channel 0 to {channels - 1}")
    if reading.channel is not None or channels == 1:
        return reading.channel or 0
    if reading.gives == "two-class" and channels == 2:
        return 1
    raise InputError(
        f"{given}; it must give one logit a pixel, or the channel has to be said: --channel N (channel= in Python) is "
        "that of the particle, from 0, and --gives two-class takes the particle's class against the others"
    )


def _unchecked(output: Tensor, channel: int) -> Tensor:
    return output[:, channel, None]


def _refuse_probabilities(output: Tensor, channel: int) -> None:
    """Refuse an output that looks like probabilities; a network that gives 0 everywhere is undecided."""
    logits = output[:, channel, None]
    if _within_unity(logits) and bool((logits != 0).any()):
        raise InputError(f"the output of the network lies between 0 and 1, as probabilities do; {_SAY}")
    if output.shape[1] > 1 and _sums_to_unity(output.exp()):
        raise InputError(f"the channels of the network are logarithms of probabilities, and no logits; {_SAY}")


def _from_probability(output: Tensor, channel: int) -> Tensor:
    probability = output[:, channel, None].double()
    if bool(((probability < -_UNITY) | (probability > 1 + _UNITY)).any()):
        lowest, highest = (float(limit) for limit in torch.aminmax(probability))
        raise InputError(
            f"the network gives {lowest:.3g} to {highest:.3g}, which are no probabilities; scale them to 0 to 1 inside "
            "the network, or give --gives logits if they are logits"
        )
    return torch.logit(probability, eps=LEAST_PROBABILITY)


def _against_others(output: Tensor, channel: int) -> Tensor:
    """The logit of a class against all others: for two classes the difference of their logits, or of ln p."""
    values = output.double()
    if _within_unity(values):
        if not _sums_to_unity(values):
            raise InputError(
                "the channels of the network lie between 0 and 1 and do not sum to 1: each is a probability of its "
                "own; give --gives probability --channel N"
            )
        return _from_probability(values, channel)
    others = [number for number in range(output.shape[1]) if number != channel]
    return values[:, channel, None] - torch.logsumexp(values[:, others], 1, keepdim=True)


_READ: dict[Gives | None, Callable[[Tensor, int], Tensor]] = {
    None: _unchecked,
    "logits": _unchecked,
    "probability": _from_probability,
    "two-class": _against_others,
}


def _within_unity(values: Tensor) -> bool:
    return bool(((values >= 0) & (values <= 1)).all())


def _sums_to_unity(values: Tensor) -> bool:
    return bool(((values.sum(1) - 1).abs() < _UNITY).all())


def pixel_text(pixel: tuple[float, float]) -> str:
    """Write a pixel (y, x) for people: one side, if both are the same."""
    return " x ".join(f"{side:.4g}" for side in (pixel if pixel[0] != pixel[1] else pixel[:1]))
