"""Training one network on batches of micrographs."""

import math
from collections.abc import Iterable
from itertools import islice
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from temshift.core.configuration import Configuration
from temshift.core.errors import TemshiftError

TRAINING_VERSION = 1


class TrainingSettings(Configuration):
    """AdamW with a one-cycle learning rate and cross-entropy of the logits."""

    steps: Annotated[int, Field(ge=2, le=10_000_000)] = 150
    batch: Annotated[int, Field(ge=1, le=4096)] = 16
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 1e-2
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 1e-2


def train(network: nn.Module, batches: Iterable[tuple[Tensor, Tensor]], settings: TrainingSettings) -> list[float]:
    """Train a network in place.

    Parameters
    ----------
    network : Module
        From images (n, 1, y, x) to logits (n, 1, y, x); left in evaluation mode.
    batches : iterable of (images, masks)
        ``settings.steps`` of them.
    settings : TrainingSettings
        Optimiser and schedule.

    Returns
    -------
    list of float
        Cross-entropy of each step's batch [nat a pixel].

    Raises
    ------
    TemshiftError
        Where the loss stops being finite.
    ValueError
        Where there are fewer batches than steps.

    References
    ----------
    I. Loshchilov and F. Hutter, arXiv 1711.05101 (AdamW); L. N. Smith and N. Topin, arXiv 1708.07120 (one cycle)
    """
    network.train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, settings.learning_rate, total_steps=settings.steps)
    history = []
    for step, (images, masks) in enumerate(islice(batches, settings.steps)):
        loss = nn.functional.binary_cross_entropy_with_logits(network(_last(images)), masks.to(images.dtype))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        history.append(_finite(loss.item(), step))
    if len(history) < settings.steps:
        raise ValueError(f"{len(history)} batches given for {settings.steps} steps; give one batch for each step")
    network.eval()
    return history


def _last(images: Tensor) -> Tensor:
    return images.contiguous(memory_format=torch.channels_last)


def _finite(loss: float, step: int) -> float:
    if not math.isfinite(loss):
        raise TemshiftError(f"the loss is {loss} at step {step + 1}; take a lower learning_rate than this run's")
    return loss
