"""Several networks trained in one go: one after the other, or as one on a device that small networks leave idle."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.overrides import TorchFunctionMode

from temshift.core import TemshiftError
from temshift.micrographs import Batch
from temshift.networks.training import Course, Precision, State, Trained, TrainingSettings, mean_loss, train

Way = Literal["in_turn", "together"]


@dataclass(frozen=True)
class Member:
    """One network of a cohort, with what it learns from.

    Attributes
    ----------
    network : Module
        Trained in place; see :func:`temshift.networks.train`.
    batches : iterable of (images, masks)
        One for each step, its own.
    settings : TrainingSettings
        Its own learning rate, decay and kind of optimiser; the rest may have to be alike, see :func:`train_cohort`.
    validation : sequence of (images, masks), optional
        Images that are looked at after each epoch.
    """

    network: nn.Module
    batches: Iterable[Batch]
    settings: TrainingSettings
    validation: Sequence[Batch] | None = None


def train_cohort(
    members: Sequence[Member], *, epoch_steps: int, way: Way | None = None
) -> list[Trained | TemshiftError]:
    """Train networks in place; none depends on its companions.

    Parameters
    ----------
    members : sequence of Member
        To be trained together they must be of temshift's own kinds, on one device and alike in architecture, frozen
        part, size of batches, steps, loss and precision.
    epoch_steps : int
        Steps of an epoch.
    way : {"in_turn", "together"}, optional
        One after the other, or all in each step. In turn a network has the bits that it has alone; together it has
        them up to rounding. Left out: in turn on a CPU, where that was measured to be the fastest; on a GPU together
        where members are alike, so that they share its launches (not measured yet).

    Returns
    -------
    list of Trained or TemshiftError
        For each member what its training leaves, or the fault that ended it: a loss that is not finite, or images
        that can't be read. The others go on.

    Raises
    ------
    ValueError
        If members that are to be trained together are not alike, or one has fewer batches than steps.
    """
    if not members:
        return []
    unlike = _unlike(members, epoch_steps)
    if way == "together" and unlike is not None:
        raise ValueError(f"{unlike}; give members that are alike, or way 'in_turn'")
    usual: Way = "together" if _device(members[0]).type == "cuda" and unlike is None else "in_turn"
    if (way or usual) == "together":
        return _together(members, epoch_steps)
    return [_alone(member, epoch_steps) for member in members]


def _alone(member: Member, epoch_steps: int) -> Trained | TemshiftError:
    try:
        return train(
            member.network, member.batches, member.settings, epoch_steps=epoch_steps, validation=member.validation
        )
    except TemshiftError as error:
        return error


def _together(members: Sequence[Member], epoch_steps: int) -> list[Trained | TemshiftError]:
    """Step by step; whoever ends or fails leaves, and the others go on."""
    courses = [Course(one.network, one.settings, epoch_steps, one.validation) for one in members]
    sources = [iter(one.batches) for one in members]
    outcomes: dict[int, Trained | TemshiftError] = {}
    joint: _Joint | None = None
    while len(outcomes) < len(members):
        drawn = _drawn(sources, courses, outcomes)
        if not drawn:
            continue
        networks = [members[number].network for number in drawn]
        if joint is None or joint.networks != networks:
            joint = _Joint(networks)
        losses = joint.losses(list(drawn.values()), members[0].settings)
        for number, loss in zip(drawn, losses, strict=True):
            _advance(number, courses[number], loss, outcomes)
    return [outcomes[number] for number in range(len(members))]


def _drawn(
    sources: Sequence[Iterator[Batch]], courses: Sequence[Course], outcomes: dict[int, Trained | TemshiftError]
) -> dict[int, Batch]:
    """Next batch of each member that is still on its way."""
    batches = {}
    for number, source in enumerate(sources):
        if number in outcomes:
            continue
        try:
            batch = next(source, None)
        except TemshiftError as error:
            outcomes[number] = error
            continue
        if batch is None:
            courses[number].trained()  # raises: there are too few
        else:
            batches[number] = batch
    return batches


def _advance(number: int, course: Course, loss: Tensor, outcomes: dict[int, Trained | TemshiftError]) -> None:
    try:
        course.advance(loss)
        if course.ended:
            outcomes[number] = course.trained()
    except TemshiftError as error:
        outcomes[number] = error


class _Joint:
    """Networks of one architecture as one: weights and statistics lie in stacks, of which each network has its slice.

    Parameters
    ----------
    networks : list of Module
        On one device, in training mode; optimisers that hold their parameters go on working.
    """

    def __init__(self, networks: list[nn.Module]) -> None:
        self.networks = networks
        parameters = [dict(network.named_parameters()) for network in networks]
        statistics = [dict(network.named_buffers()) for network in networks]
        self.own = {name: [each[name] for each in parameters] for name in parameters[0]}
        self.parameters = {name: _stacked(own) for name, own in self.own.items()}
        self.statistics = {name: _stacked([each[name] for each in statistics]) for name in statistics[0]}

    def losses(self, batches: Sequence[Batch], settings: TrainingSettings) -> Tensor:
        """Loss of each network on its own batch (networks,); its gradients are left with its parameters."""
        images, masks = (torch.stack([batch[part] for batch in batches]) for part in (0, 1))

        def loss(parameters: State, statistics: State, images: Tensor, masks: Tensor) -> Tensor:
            def network(images: Tensor) -> Tensor:
                logits: Tensor = functional_call(self.networks[0], (parameters, statistics), (images,))
                return logits

            return mean_loss(network, (images, masks), plain)

        plain = settings.model_copy(update={"precision": "float32"})  # that of convolutions is lowered below
        with _Joined(settings.precision):
            losses = vmap(loss)(self.parameters, self.statistics, images, masks)
        losses.sum().backward()  # type: ignore[no-untyped-call]
        for name, stack in self.parameters.items():
            for parameter, gradient in zip(self.own[name], () if stack.grad is None else stack.grad, strict=False):
                parameter.grad = gradient
            stack.grad = None
        return losses.detach()


class _Joined(TorchFunctionMode):
    """What vmap does not know: convolutions in bfloat16, which autocast does not reach; plain memory for groups."""

    def __init__(self, precision: Precision) -> None:
        super().__init__()
        self.lowers = precision == "bfloat16"

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is torch.conv2d and self.lowers:
            lowered: Any = [value.bfloat16() if isinstance(value, Tensor) else value for value in args]
            return func(*lowered, **(kwargs or {})).float()
        if func is nn.functional.group_norm:
            return func(args[0].contiguous(), *args[1:], **(kwargs or {}))
        return func(*args, **(kwargs or {}))


def _stacked(own: Sequence[Tensor]) -> Tensor:
    """Stack tensors, and let each of them be its slice of the stack from now on."""
    stack = torch.stack([tensor.detach().contiguous() for tensor in own])
    for tensor, piece in zip(own, stack, strict=True):
        tensor.data = piece
    return stack.requires_grad_(own[0].requires_grad)


def _device(member: Member) -> torch.device:
    return next(member.network.parameters()).device


def _unlike(members: Sequence[Member], epoch_steps: int) -> str | None:
    """Return what keeps members from going through one network together."""
    if not getattr(members[0].network, "joins", True):
        return "networks that temshift does not define may draw at random, and can't be joined"
    first, *others = (_architecture(member, epoch_steps) for member in members)
    for number, other in enumerate(others, 1):
        for aspect, value in other.items():
            if value != first[aspect]:
                return f"members 0 and {number} of the cohort differ in {aspect}"
    return None


def _architecture(member: Member, epoch_steps: int) -> dict[str, object]:
    network, settings = member.network, member.settings
    return {
        "device": _device(member),
        "architecture": (type(network), [(name, tensor.shape) for name, tensor in network.state_dict().items()]),
        "type of numbers": [tensor.dtype for tensor in network.state_dict().values()],
        "frozen part": [parameter.requires_grad for parameter in network.parameters()],
        "batch": settings.batch,
        "steps": settings.total_steps(epoch_steps),
        "loss": settings.loss,
        "precision": settings.precision,
    }
