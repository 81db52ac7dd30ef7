"""Causes of a loss of information: the group of parameters that takes most of it from training to test conditions."""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Literal, get_args

import torch
from torch import Tensor

from temshift.conditions.drawn import Conditions
from temshift.conditions.imaging import ImagingConditions, condition_deviates
from temshift.core.seeds import Stage, generator
from temshift.information.objects.object_spectra import ObjectSpectra
from temshift.information.transfer.image_power import drawn_powers
from temshift.information.transfer.survey import Survey

Cause = Literal["focus", "noise", "band", "aberrations"]
CAUSES: tuple[Cause, ...] = get_args(Cause)

LEAST_LOSS = 0.1  # share of the larger epsilon that a group has to take to be a cause; ours
DRAWS = 64  # of conditions, at most: causes are named, not measured
FOCUS = "C10"
CAMERA = ("transfer_exponent", "scattering_share", "counting_frames")
NOISE = ("dose", "dqe_zero", "gain", "read_noise", "mtf_half_frequency", "ntf_half_frequency", *CAMERA)
SHIFTS = ("pixel_size_error",)  # move what is seen along q, and lose nothing


def cause_of_loss(
    training: ImagingConditions, test: ImagingConditions, objects: ObjectSpectra, survey: Survey
) -> tuple[Cause | None, bool]:
    """Find the group of parameters that takes most information between two distributions.

    A group is moved alone from training to test conditions, and back alone from test to training conditions; its loss
    is the mean of the two differences of epsilon. So a loss by focus is seen even if a higher dose makes up for it.

    Parameters
    ----------
    training, test : ImagingConditions
        Both distributions.
    objects : ObjectSpectra
        Whose rings are the band.
    survey : Survey
        Microscope, draws and seed.

    Returns
    -------
    cause : {"focus", "noise", "band", "aberrations"} or None
        None if no group takes a tenth of the larger epsilon: nothing is lost.
    nearer : bool
        Whether particles are nearer to focus under the test conditions.
    """
    uniform = condition_deviates(generator(survey.seed, Stage.METRIC), min(survey.draws, DRAWS))
    ours, theirs = (conditions.quantiles(uniform) for conditions in (training, test))

    def epsilon(drawn: Conditions) -> float:
        bits = drawn_powers(drawn, objects, survey.microscope).bits
        return float((bits @ (objects.q / objects.q.sum())).mean())

    ends = epsilon(ours), epsilon(theirs)
    losses: dict[Cause, float] = {}
    for cause in CAUSES:
        alone, without = epsilon(_moved(ours, theirs, cause)), epsilon(_moved(theirs, ours, cause))
        losses[cause] = (ends[0] - alone + without - ends[1]) / 2
    most = max(losses, key=lambda cause: losses[cause])
    off_focus = [float((drawn.aberrations[FOCUS] + objects.particle_height).abs().mean()) for drawn in (ours, theirs)]
    return (most if losses[most] >= LEAST_LOSS * max(*ends, 1e-12) else None), off_focus[1] < off_focus[0]


def _moved(drawn: Conditions, other: Conditions, cause: Cause) -> Conditions:
    """Draws with one group of parameters of other draws."""
    aberrations = {**_zeros(drawn, other), **drawn.aberrations}
    theirs = {**_zeros(drawn, other), **other.aberrations}
    if cause == "focus":
        return replace(drawn, aberrations={**aberrations, FOCUS: theirs[FOCUS]})
    if cause == "aberrations":
        return replace(drawn, aberrations={**theirs, FOCUS: aberrations[FOCUS]})
    plain = [field.name for field in fields(Conditions) if field.name not in ("aberrations", *SHIFTS)]
    names: Sequence[str] = NOISE if cause == "noise" else [name for name in plain if name not in NOISE]
    return replace(drawn, **{name: getattr(other, name) for name in names})


def _zeros(drawn: Conditions, other: Conditions) -> dict[str, Tensor]:
    """No aberrations, under the names of all of both."""
    return {name: torch.zeros_like(drawn.dose) for name in (FOCUS, *drawn.aberrations, *other.aberrations)}
