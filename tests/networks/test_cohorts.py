"""Cohorts: a member is the network that it would be alone, whatever becomes of its companions.

Stated: after 10 steps in double precision the weights of a member that was trained together differ from those of the
same network trained alone by less than 1e-8 of the largest of each tensor. In single precision Adam makes whole steps
of what is rounding where gradients are next to nothing: losses agree to 2e-3.
"""

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor

from temshift.core.errors import DamagedError, TemshiftError
from temshift.networks import (
    CompactUNetSettings,
    Member,
    NetworkSettings,
    ResNetUNetSettings,
    Trained,
    TrainingSettings,
    freeze,
    initialised,
    train,
    train_cohort,
)

pytestmark = pytest.mark.slow

STEPS, EPOCH = 10, 4
SHAPES: dict[str, NetworkSettings] = {
    "compact": CompactUNetSettings(widths=(4, 6), stem=2),
    "compact, groups": CompactUNetSettings(widths=(4, 6), stem=2, normalisation="group"),
    "resnet": ResNetUNetSettings(width=8),
    "resnet, groups": ResNetUNetSettings(width=8, normalisation="group"),
}
LONGER = [name for name in SHAPES if name != "compact"]
WAYS = ["in_turn", "together"]
Batch = tuple[Tensor, Tensor]


def batches_of(number: int, dtype: torch.dtype, steps: int = STEPS, size: int = 32) -> list[Batch]:
    """Noise whose large values are the mask."""
    draws = torch.Generator().manual_seed(number)
    images = torch.randn(steps, 4, 1, size, size, generator=draws).to(dtype)
    return [(batch, batch > 0.5) for batch in images]


def settings_of(number: int, **given: object) -> TrainingSettings:
    """Each member has a learning rate, a decay and an optimiser of its own."""
    own = {"optimiser": ["adamw", "adam"][number % 2], "learning_rate": [1e-2, 3e-3, 1e-3][number % 3]}
    usual = {"steps": STEPS, "batch": 4, "schedule": "decay", "decay_per_epoch": 0.5, **own}
    return TrainingSettings.model_validate({**usual, **given})


def member(number: int, shape: str = "compact", dtype: torch.dtype = torch.float64, **given: object) -> Member:
    network = initialised(SHAPES[shape], number).to(dtype)
    size = max(32, 2 * network.divisor)  # at 1 x 1 pixels the normalisation of a few values would amplify rounding
    batches, validation = batches_of(number, dtype, STEPS, size), batches_of(90, dtype, 1, size)
    return Member(network, batches, settings_of(number, **given), validation)


def alone(one: Member) -> Trained:
    return train(one.network, one.batches, one.settings, epoch_steps=EPOCH, validation=one.validation)


def distance(one: dict[str, Tensor], other: dict[str, Tensor]) -> float:
    assert one.keys() == other.keys()
    return max(float((one[name] - other[name]).abs().max() / one[name].abs().max()) for name in one)


def agree(found: Trained | TemshiftError, expected: Trained) -> bool:
    assert isinstance(found, Trained)
    losses = ["learning_rate", "cross_entropy", "validation_cross_entropy"]
    assert found.history["steps"].to_list() == expected.history["steps"].to_list()
    assert found.history[losses].to_numpy() == pytest.approx(expected.history[losses].to_numpy(), rel=1e-8)
    assert found.states.keys() == expected.states.keys()
    return all(distance(found.states[name], expected.states[name]) < 1e-8 for name in expected.states)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_member_is_the_network_trained_alone(way: str, shape: str) -> None:
    members = [member(number, shape) for number in range(3)]
    found = train_cohort(members, epoch_steps=EPOCH, way=way)
    for number, (one, outcome) in enumerate(zip(members, found, strict=True)):
        assert agree(outcome, alone(member(number, shape)))
        assert distance(one.network.state_dict(), outcome.states["weights"]) == 0
        assert not any(module.training for module in one.network.modules())


@pytest.mark.parametrize("shape", ["compact", pytest.param("resnet", marks=pytest.mark.slow)])
def test_in_single_precision_losses_agree(shape: str) -> None:
    found = train_cohort([member(n, shape, torch.float32) for n in range(3)], epoch_steps=EPOCH, way="together")
    for number, outcome in enumerate(found):
        expected = alone(member(number, shape, torch.float32)).history["cross_entropy"]
        assert outcome.history["cross_entropy"].to_list() == pytest.approx(expected.to_list(), rel=2e-3)


@pytest.mark.parametrize("given", [{"loss": "softmax_twice"}, {"optimiser": "sgd", "loss": "softmax_twice"}])
def test_members_that_are_trained_together_have_the_loss_and_optimiser_of_their_settings(given: dict[str, str]) -> None:
    found = train_cohort([member(number, **given) for number in range(2)], epoch_steps=EPOCH, way="together")
    for number, outcome in enumerate(found):
        assert agree(outcome, alone(member(number, **given)))
        assert outcome.history["cross_entropy"][0] != alone(member(number)).history["cross_entropy"][0]


def test_members_of_different_losses_are_not_trained_together() -> None:
    with pytest.raises(ValueError, match="differ in loss"):
        train_cohort([member(0), member(1, loss="softmax_twice")], epoch_steps=EPOCH, way="together")


def test_on_a_cpu_members_are_trained_in_turn_to_the_bit() -> None:
    for number, outcome in enumerate(train_cohort([member(n) for n in range(2)], epoch_steps=EPOCH)):
        assert distance(outcome.states["weights"], alone(member(number)).states["weights"]) == 0


@pytest.mark.parametrize("way", WAYS)
def test_other_companions_change_nothing(way: str) -> None:
    one, other = (
        train_cohort([member(n) for n in numbers], epoch_steps=EPOCH, way=way) for numbers in ([0, 1, 2], [4, 1])
    )
    assert agree(one[1], other[1])


def lost(step: int) -> Iterator[Batch]:
    """Images of which one holds no number."""
    for number, (images, masks) in enumerate(batches_of(1, torch.float64)):
        yield (images * float("nan") if number == step else images), masks


def broken(step: int) -> Iterator[Batch]:
    """Images of which one can't be read."""
    yield from batches_of(1, torch.float64)[:step]
    raise DamagedError("waves-3 is damaged")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("source", "told"), [(lost, "nan at step 6"), (broken, "waves-3 is damaged")])
@pytest.mark.parametrize("step", [5, 0])
def test_a_member_that_fails_disturbs_nobody(
    way: str, source: Callable[[int], Iterator[Batch]], told: str, step: int
) -> None:
    failing = member(1)
    failing = Member(failing.network, source(step), failing.settings, failing.validation)
    first, fault, last = train_cohort([member(0), failing, member(2)], epoch_steps=EPOCH, way=way)
    assert isinstance(fault, TemshiftError) and told.replace("6", str(step + 1)) in str(fault)
    assert agree(first, alone(member(0))) and agree(last, alone(member(2)))


@pytest.mark.parametrize("way", WAYS)
def test_all_may_fail(way: str) -> None:
    members = [Member(initialised(SHAPES["compact"], n).double(), broken(n), settings_of(n)) for n in (2, 0)]
    assert all(isinstance(one, DamagedError) for one in train_cohort(members, epoch_steps=EPOCH, way=way))
    assert train_cohort([], epoch_steps=EPOCH, way=way) == []


def test_a_member_that_stops_early_leaves_the_others_going() -> None:
    """Its validation images are noise that nothing predicts."""
    quick = {"keep": "both", "early_stopping_epochs": 1, "learning_rate": 0.3}

    def stopping() -> Member:
        one = member(1, **quick)
        images, masks = one.validation[0]
        return Member(one.network, one.batches, one.settings, [(images, ~masks)])

    found = train_cohort([member(0), stopping()], epoch_steps=1, way="together")
    steps = [outcome.history["steps"][-1] for outcome in found]
    assert steps[0] == STEPS > steps[1]
    one, other = member(0), stopping()
    expected = [train(m.network, m.batches, m.settings, epoch_steps=1, validation=m.validation) for m in (one, other)]
    assert all(agree(outcome, alone_) for outcome, alone_ in zip(found, expected, strict=True))


@pytest.mark.parametrize("part", ["encoder", "decoder"])
def test_frozen_parts_stay(part: str) -> None:
    members = [member(number) for number in range(2)]
    for one in members:
        freeze(one.network, part)
    names = tuple(f"{name}." for name in getattr(members[0].network, f"{part}_parts"))
    before = [{k: v.clone() for k, v in one.network.state_dict().items()} for one in members]
    found = train_cohort(members, epoch_steps=EPOCH, way="together")
    for old, outcome in zip(before, found, strict=True):
        same = {name for name in old if torch.equal(old[name], outcome.states["weights"][name])}
        assert same == {name for name in old if name.startswith(names)}


@pytest.mark.parametrize(
    ("other", "aspect"),
    [
        (lambda: member(1, "resnet"), "architecture"),
        (lambda: member(1, "compact", torch.float32), "type of numbers"),
        (lambda: member(1, steps=STEPS + 1), "steps"),
        (lambda: member(1, batch=3), "batch"),
        (lambda: member(1, precision="bfloat16"), "precision"),
        (lambda: frozen(member(1)), "frozen part"),
    ],
)
def test_members_that_are_not_alike_are_not_trained_together(other: Callable[[], Member], aspect: str) -> None:
    with pytest.raises(ValueError, match=f"members 0 and 1 of the cohort differ in {aspect}; .* way 'in_turn'"):
        train_cohort([member(0), other()], epoch_steps=EPOCH, way="together")


def test_members_that_are_not_alike_are_trained_in_turn_where_no_way_is_asked_for() -> None:
    found = train_cohort([member(0), member(1, steps=STEPS - 2)], epoch_steps=EPOCH)
    assert [one.history["steps"][-1] for one in found] == [STEPS, STEPS - 2]


def frozen(one: Member) -> Member:
    freeze(one.network, "encoder")
    return one


@pytest.mark.parametrize("way", WAYS)
def test_fewer_batches_than_steps_are_refused(way: str) -> None:
    short = Member(initialised(SHAPES["compact"], 1).double(), batches_of(1, torch.float64, 3), settings_of(1))
    with pytest.raises(ValueError, match="3 batches given for 10 steps"):
        train_cohort([member(0), short], epoch_steps=EPOCH, way=way)


@pytest.mark.parametrize("shape", ["compact", *(pytest.param(name, marks=pytest.mark.slow) for name in LONGER)])
def test_bfloat16_is_as_near_together_as_alone(shape: str) -> None:
    """Convolutions have 8 bits of mantissa; the rest, which is float32 together, matters less."""

    def losses(precision: str, way: str) -> list[list[float]]:
        members = [member(n, shape, torch.float32, precision=precision) for n in range(2)]
        found = train_cohort(members, epoch_steps=EPOCH, way=way)
        return [one.history["cross_entropy"].to_list() for one in found]

    single = losses("float32", "together")
    for way in WAYS:
        half = losses("bfloat16", way)
        for one, other in zip(half, single, strict=True):
            assert one == pytest.approx(other, rel=0.01) and one != pytest.approx(other, rel=1e-5)
