"""Training one network on batches of micrographs."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Any, Literal

import polars as pl
import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from temshift.configuration import Configuration
from temshift.core import DamagedError, InputError, TemshiftError
from temshift.micrographs import Augmentation, Batch, Images, PhononImages
from temshift.micrographs.losses import softmax_twice
from temshift.networks.initial import InitialWeights
from temshift.networks.layers import UNet, freeze
from temshift.networks.settings import NetworkSettings, unfilled
from temshift.networks.weights import load_weights, read_weights, require_fit
from temshift.vocabulary import HISTORY

TRAINING_VERSION = 2

Precision = Literal["float32", "bfloat16"]
Loss = Literal["cross_entropy", "softmax_twice"]
State = dict[str, Tensor]
EpochRow = dict[str, Any]

_USUAL_STEPS = 480  # from there on the order of conditions stays: docs/training.md, how long to train
_USUAL_DECAY = {"adamw": 1e-2, "adam": 0.0, "sgd": 0.0}  # that of Adam and SGD, an L2 penalty, is another thing
_USUAL_MOMENTUM = 0.9
# Settings that older studies do not know, as they had them.
_LATER: dict[str, Any] = {"loss": "cross_entropy", "momentum": None, "phonons": "averaged"}


class TrainingSettings(Configuration):
    """How a network is trained: optimiser, schedule, length, images, precision, and which weights are kept.

    An epoch is as many steps as show every specimen once. "decay" multiplies the learning rate by ``decay_per_epoch``
    after each; "one_cycle" goes up and down once over the whole training. ``weight_decay`` is 0.01 for AdamW and 0 for
    Adam and SGD where it is not given. ``momentum`` is that of SGD, 0.9 where it is not given.
    ``early_stopping_epochs`` ends a training when so many epochs in a row brought no lower loss of validation images.

    ``loss: softmax_twice`` is that of published networks (:func:`temshift.micrographs.losses.softmax_twice`); history
    and validation are then of this loss.

    If ``phonons`` is ``drawn``, each image shows one of a specimen's phonon configurations, drawn for it, instead of
    the mean over all of them; images to validate and test on remain the mean.
    """

    loss: Loss = "cross_entropy"
    optimiser: Literal["adamw", "adam", "sgd"] = "adamw"
    momentum: Annotated[float, Field(ge=0, lt=1)] | None = Field(
        default_factory=lambda given: _USUAL_MOMENTUM if given.get("optimiser") == "sgd" else None
    )
    schedule: Literal["one_cycle", "decay"] = "one_cycle"
    decay_per_epoch: Annotated[float, Field(gt=0, le=1)] = 1.0
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 1e-2
    weight_decay: Annotated[float, Field(ge=0, le=1)] = Field(
        default_factory=lambda given: _USUAL_DECAY.get(given.get("optimiser", "adamw"), 0.0)
    )
    batch: Annotated[int, Field(ge=1, le=4096)] = 16
    epochs: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    steps: Annotated[int, Field(ge=2, le=10_000_000)] | None = Field(
        default_factory=lambda given: _USUAL_STEPS if given.get("epochs") is None else None
    )
    images: Images = "fresh"
    phonons: PhononImages = "averaged"
    augmentation: Augmentation = "dihedral_shift"
    precision: Precision = "float32"
    early_stopping_epochs: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    keep: Literal["last", "best", "both", "none"] = "last"
    initial: InitialWeights | None = None

    @model_validator(mode="after")
    def _meant(self) -> "TrainingSettings":
        if (self.steps is None) == (self.epochs is None):
            raise ValueError(f"steps {self.steps} and epochs {self.epochs} given; give one of the two")
        if self.schedule == "one_cycle" and self.decay_per_epoch != 1:
            raise ValueError("decay_per_epoch needs schedule: decay; one_cycle has a course of its own")
        if self.schedule == "one_cycle" and self.early_stopping_epochs is not None:
            raise ValueError("early_stopping_epochs needs schedule: decay; one_cycle is good at its end only")
        if (self.momentum is None) == (self.optimiser == "sgd"):
            raise ValueError(f"momentum {self.momentum} and optimiser {self.optimiser} given; sgd alone takes one")
        return self

    @property
    def needs_validation(self) -> bool:
        """Whether images for validation are needed."""
        return self.keep in ("best", "both") or self.early_stopping_epochs is not None

    def steps_per_epoch(self, images: int) -> int:
        """Return the steps that show every one of so many images once."""
        return math.ceil(images / self.batch)

    def steps_in_all(self, images: int) -> int:
        """Return the steps of the whole training on so many images."""
        return self.total_steps(self.steps_per_epoch(images))

    def total_steps(self, epoch_steps: int) -> int:
        """Return the steps of the whole training in epochs of so many."""
        return self.steps if self.steps is not None else (self.epochs or 0) * epoch_steps

    def resolved(self) -> "TrainingSettings":
        """Return the same with the hash of the initial weights filled in."""
        return self if self.initial is None else self.model_copy(update={"initial": self.initial.resolved()})

    def identity(self) -> dict[str, Any]:
        """Return what the result depends on, as plain values for hashing; where initial weights lie is left out."""
        settings = self.resolved().model_dump(mode="json")
        if settings["initial"] is not None:
            del settings["initial"]["weights"]
        for name in [name for name, usual in _LATER.items() if settings[name] == usual]:
            del settings[name]
        return {**settings, "keep": "last" if self.keep == "none" else self.keep}


def phonon_fault(training: TrainingSettings, configurations: int) -> str | None:
    """Return why phonons can't be drawn from so many configurations; None if they can or need not be drawn."""
    if training.phonons == "averaged" or configurations > 1:
        return None
    return (
        "drawn, but waves have one configuration; take averaged, or if you want to draw, give exit_waves.phonons "
        "more configurations"
    )


@dataclass(frozen=True)
class Trained:
    """What a training leaves.

    Attributes
    ----------
    history : DataFrame
        See ``core.tables.HISTORY``; one row an epoch.
    states : dict of str to dict of str to Tensor
        "weights", which the network has now: the best where ``keep`` asks for them, else the last; with ``keep``
        "both" also "last". On the CPU.
    """

    history: pl.DataFrame
    states: dict[str, State]


def train(
    network: nn.Module,
    batches: Iterable[Batch],
    settings: TrainingSettings,
    *,
    epoch_steps: int,
    validation: Sequence[Batch] | None = None,
    on_epoch: Callable[[EpochRow], object] | None = None,
) -> Trained:
    """Train a network in place.

    Parameters
    ----------
    network : Module
        From images (n, 1, y, x) to logits (n, 1, y, x); left with the weights of ``Trained.states["weights"]`` and in
        evaluation mode. Parameters that require no gradient stay as they are.
    batches : iterable of (images, masks)
        One for each step, on the device of the network; no more are taken than needed.
    settings : TrainingSettings
        Optimiser, schedule and length.
    epoch_steps : int
        Steps of an epoch.
    validation : sequence of (images, masks), optional
        Images that are looked at after each epoch.
    on_epoch : callable, optional
        Gets each row of the history.

    Returns
    -------
    Trained
        History and weights.

    Raises
    ------
    TemshiftError
        If the loss, or that of the validation images, stops being finite; looked at after each epoch.
    ValueError
        If there are fewer batches than steps, or no validation images although the settings need some.

    References
    ----------
    D. P. Kingma and J. Ba, arXiv 1412.6980 (Adam); I. Loshchilov and F. Hutter, arXiv 1711.05101 (AdamW); L. N. Smith
    and N. Topin, arXiv 1708.07120 (one cycle)
    """
    course = Course(network, settings, epoch_steps, validation, on_epoch)
    for batch in islice(batches, course.steps):
        course.step(mean_loss(network, batch, settings))
        if course.ended:
            break
    return course.trained()


def apply_initial(network: UNet, settings: TrainingSettings) -> None:
    """Give a network the initial weights of its settings, if there are any, and freeze the part that shall keep them.

    Parameters
    ----------
    network : UNet
        Changed in place, and left in training mode.
    settings : TrainingSettings
        See ``initial``.

    Raises
    ------
    InputError
        If the file of weights is missing or is not the one that was recorded.
    DamagedError
        If it is damaged, or of a network of another shape.
    """
    if settings.initial is not None:
        load_weights(network, settings.initial.verified())
        freeze(network, settings.initial.freeze)
        network.train()


def require_initial(shape: NetworkSettings, settings: TrainingSettings) -> None:
    """Refuse initial weights that a training can't start from.

    Parameters
    ----------
    shape : NetworkSettings
        The network to train.
    settings : TrainingSettings
        See ``initial``; nothing is looked at where there is none.

    Raises
    ------
    InputError
        If the file of weights is missing, damaged, not the one that was recorded, or of another shape.
    """
    if settings.initial is None:
        return
    path = settings.initial.verified()
    network = unfilled(shape)
    try:
        freeze(network, settings.initial.freeze)
    except ValueError as error:
        raise InputError(f"training.initial.freeze: {error}") from error
    try:
        require_fit(network, read_weights(path), path)
    except DamagedError as error:
        raise InputError(str(error)) from error


class Course:
    """One network on its way through a training: optimiser, schedule, history, best weights.

    Parameters
    ----------
    network, settings, epoch_steps, validation, on_epoch
        See :func:`train`.
    """

    def __init__(
        self,
        network: nn.Module,
        settings: TrainingSettings,
        epoch_steps: int,
        validation: Sequence[Batch] | None = None,
        on_epoch: Callable[[EpochRow], object] | None = None,
    ) -> None:
        if settings.needs_validation and not validation:
            raise ValueError(f"keep {settings.keep!r} and early stopping need validation images; give validation")
        self.network, self.settings, self.epoch_steps = network, settings, epoch_steps
        self.validation, self.on_epoch = validation or (), on_epoch
        self.steps = settings.total_steps(epoch_steps)
        self.optimiser = _optimiser(network, settings)
        self.schedule = _schedule(self.optimiser, settings, epoch_steps)
        self.done, self.ended = 0, False
        self._losses: list[Tensor] = []
        self._rows: list[EpochRow] = []
        self._best: tuple[float, int, State] = (math.inf, 0, {})
        network.train()

    def step(self, loss: Tensor) -> None:
        """Take one step down the gradient of a loss."""
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.advance(loss)

    def advance(self, loss: Tensor) -> None:
        """Take one step down the gradients that the parameters have, which are those of a loss."""
        rate = float(self.optimiser.param_groups[0]["lr"])
        self.optimiser.step()
        self.schedule.step()
        self._losses.append(loss.detach())
        self.done += 1
        if self.done % self.epoch_steps == 0 or self.done == self.steps:
            self._close_epoch(rate)

    def trained(self) -> Trained:
        """Return what was learned; the network gets the weights that are to be scored, in evaluation mode."""
        if not self.ended:
            raise ValueError(f"{self.done} batches given for {self.steps} steps; give one batch for each step")
        states = {"weights": _copied(self.network)}
        if self.settings.keep in ("best", "both"):
            states = {"weights": self._best[2], "last": states["weights"]}
            self.network.load_state_dict(self._best[2])
        if self.settings.keep == "best":
            del states["last"]
        self.network.eval()
        return Trained(pl.DataFrame(self._rows, schema=HISTORY), states)

    def _close_epoch(self, rate: float) -> None:
        epoch = len(self._rows) + 1
        loss = self._mean_loss(epoch, rate)
        self._require_finite()
        validation_loss = self._validated()
        row = dict(zip(HISTORY, (epoch, self.done, rate, loss, validation_loss), strict=True))
        self._rows.append(row)
        if validation_loss is not None and validation_loss < self._best[0]:
            kept = _copied(self.network) if self.settings.keep in ("best", "both") else {}
            self._best = (validation_loss, epoch, kept)
        patience = self.settings.early_stopping_epochs
        self.ended = self.done == self.steps or (patience is not None and epoch - self._best[1] >= patience)
        if self.on_epoch is not None:
            self.on_epoch(row)

    def _mean_loss(self, epoch: int, rate: float) -> float:
        losses = torch.stack(self._losses).double().cpu()
        self._losses = []
        lost = torch.nonzero(~torch.isfinite(losses)).flatten().tolist()
        if lost:
            step = self.done - len(losses) + lost[0] + 1
            raise TemshiftError(
                f"the loss is {float(losses[lost[0]])} at step {step} (epoch {epoch}, learning rate {rate:.3g} at its "
                f"end); take a lower learning_rate than {self.settings.learning_rate:g}"
            )
        return float(losses.mean())

    def _validated(self) -> float | None:
        if not self.validation:
            return None
        self.network.eval()
        with torch.inference_mode():
            sums = [float(mean_loss(self.network, batch, self.settings)) * len(batch[0]) for batch in self.validation]
        self.network.train()
        loss = sum(sums) / sum(len(images) for images, _ in self.validation)
        if not math.isfinite(loss):
            raise TemshiftError(
                f"the loss of the validation images is {loss} after step {self.done}; take a lower "
                f"learning_rate than {self.settings.learning_rate:g}"
            )
        return loss

    def _require_finite(self) -> None:
        """The last step of an epoch can lose the weights, which no loss of the epoch shows."""
        if not all(bool(torch.isfinite(tensor).all()) for tensor in self.network.state_dict().values()):
            raise TemshiftError(
                f"the weights are not finite after step {self.done}; take a lower learning_rate than "
                f"{self.settings.learning_rate:g}"
            )


def mean_loss(network: Callable[[Tensor], Tensor], batch: Batch, settings: TrainingSettings) -> Tensor:
    """Return the mean loss of a network's logits on one batch [nat a pixel], computed in the images' type."""
    images, masks = batch
    with torch.autocast(images.device.type, torch.bfloat16, enabled=settings.precision == "bfloat16"):
        logits = network(images).to(images.dtype)
    truth = masks.to(images.dtype)
    if settings.loss == "softmax_twice":
        return softmax_twice(logits, truth).mean()
    return nn.functional.binary_cross_entropy_with_logits(logits, truth)


def _optimiser(network: nn.Module, settings: TrainingSettings) -> torch.optim.Optimizer:
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    common: dict[str, Any] = {"lr": settings.learning_rate, "weight_decay": settings.weight_decay, "foreach": True}
    if settings.momentum is not None:
        return torch.optim.SGD(trained, momentum=settings.momentum, **common)
    return (torch.optim.AdamW if settings.optimiser == "adamw" else torch.optim.Adam)(trained, **common)


def _schedule(
    optimiser: torch.optim.Optimizer, settings: TrainingSettings, epoch_steps: int
) -> torch.optim.lr_scheduler.LRScheduler:
    """Learning rates, one a step."""
    if settings.schedule == "one_cycle":
        steps = settings.total_steps(epoch_steps)
        cycles = settings.momentum is None  # a momentum that is given stays; the first moment of Adam goes down and up
        return torch.optim.lr_scheduler.OneCycleLR(
            optimiser, settings.learning_rate, total_steps=steps, cycle_momentum=cycles
        )
    decay = settings.decay_per_epoch
    return torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: decay ** (step // epoch_steps))


def _copied(network: nn.Module) -> State:
    return {
        name: tensor.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
        for name, tensor in network.state_dict().items()
    }
