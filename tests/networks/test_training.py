"""Training: it learns, repeats bit for bit, follows its schedules, keeps what it shall and tells a lost loss."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss
from torch import Tensor, nn

from temshift.core.errors import TemshiftError
from temshift.networks import CompactUNetSettings, ResNetUNetSettings, Trained, TrainingSettings, initialised, train
from temshift.vocabulary.columns import HISTORY

SHAPE = CompactUNetSettings(widths=(8, 12), stem=2)
Batch = tuple[Tensor, Tensor]


def bright_squares(steps: int, size: int = 32) -> list[Batch]:
    """Noisy images with one bright square each, which is the mask."""
    draws = np.random.default_rng(0)
    masks = np.zeros((steps, 8, 1, size, size), dtype=bool)
    for image in masks.reshape(-1, size, size):
        row, column = draws.integers(0, size - 12, 2)
        image[row : row + 12, column : column + 12] = True
    images = 2 * masks + draws.normal(size=masks.shape)
    return list(zip(torch.from_numpy(images).float(), torch.from_numpy(masks), strict=True))


def settings_for(steps: int, **given: object) -> TrainingSettings:
    return TrainingSettings.model_validate({"steps": steps, "batch": 8, **given})


def decaying(steps: int, **given: object) -> TrainingSettings:
    return settings_for(steps, schedule="decay", **given)


def run(
    settings: TrainingSettings, batches: list[Batch], epoch_steps: int = 1, seed: int = 0, **given: object
) -> tuple[nn.Module, Trained]:
    network = initialised(SHAPE, seed)
    return network, train(network, batches, settings, epoch_steps=epoch_steps, **given)


def trained(steps: int = 12, seed: int = 0, **given: object) -> tuple[nn.Module, list[float]]:
    network, found = run(settings_for(steps, **given), bright_squares(steps), seed=seed)
    return network, found.history["cross_entropy"].to_list()


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_an_easy_problem_is_learned() -> None:
    """Each pixel is told by its neighbours at two standard deviations: far below the entropy of the masks, 0.41."""
    network, history = trained(steps=60)
    assert len(history) == 60
    assert np.mean(history[:3]) > 0.5
    assert np.mean(history[-5:]) < 0.25
    images, masks = bright_squares(61)[-1]
    with torch.inference_mode():
        assert float(((network(images) > 0) == masks).float().mean()) > 0.95


def test_training_repeats_bit_for_bit() -> None:
    (one, history), (other, again) = trained(), trained()
    assert history == again
    assert same(one.state_dict(), other.state_dict())
    assert trained(seed=1)[1] != history


def test_the_first_loss_is_the_cross_entropy_of_the_initial_network() -> None:
    images, masks = bright_squares(1)[0]
    with torch.no_grad():
        probabilities = torch.sigmoid(initialised(SHAPE, 0).train()(images)).flatten().double().numpy()
    history = run(settings_for(2), [(images, masks)] * 2)[1].history
    assert history["cross_entropy"][0] == pytest.approx(log_loss(masks.flatten().numpy(), probabilities), rel=1e-5)


def test_the_usual_training_is_the_plain_loop_to_the_bit() -> None:
    network, (plain, batches) = trained(steps=12)[0], (initialised(SHAPE, 0), bright_squares(12))
    optimiser = torch.optim.AdamW(plain.parameters(), lr=1e-2, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1e-2, total_steps=12)
    for images, masks in batches:
        images = images.contiguous(memory_format=torch.channels_last)
        loss = nn.functional.binary_cross_entropy_with_logits(plain(images), masks.float())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    assert same(network.state_dict(), plain.state_dict())


class Line(nn.Module):
    """logit = a x + b."""

    def __init__(self) -> None:
        super().__init__()
        self.line = nn.Parameter(torch.tensor([0.3, -0.2], dtype=torch.float64))

    def forward(self, images: Tensor) -> Tensor:
        return self.line[0] * images + self.line[1]


def test_the_steps_are_those_of_adamw_under_one_cycle() -> None:
    """Written out: learning rate and momentum follow cosines up over 30 % and down over the rest."""
    draws = np.random.default_rng(2)
    x, y = draws.normal(size=(10, 4, 1, 4, 4)), draws.random((10, 4, 1, 4, 4)) > 0.4
    network = Line()
    train(
        network,
        list(zip(torch.from_numpy(x), torch.from_numpy(y), strict=True)),
        settings_for(10, learning_rate=0.05, weight_decay=0.1),
        epoch_steps=3,
    )
    assert network.line.detach().numpy() == pytest.approx(adamw_one_cycle(x, y, 0.05, 0.1), rel=1e-8)


def test_the_steps_are_those_of_sgd_whose_momentum_stays_on_the_loss_of_two_softmaxes() -> None:
    """Written out: velocity, L2 penalty, and the derivative of ln(1 + exp(1 - 2 p)); the cycle moves the rate alone."""
    draws = np.random.default_rng(3)
    x, y = draws.normal(size=(10, 4, 1, 4, 4)), draws.random((10, 4, 1, 4, 4)) > 0.4
    network, batches = Line(), list(zip(torch.from_numpy(x), torch.from_numpy(y), strict=True))
    given = {"optimiser": "sgd", "momentum": 0.8, "weight_decay": 0.1, "loss": "softmax_twice", "learning_rate": 0.5}
    history = train(network, batches, settings_for(10, **given), epoch_steps=1).history
    line, velocity, losses = np.array([0.3, -0.2]), np.zeros(2), []
    for rate, one, truth in zip(history["learning_rate"], x, y, strict=True):
        particle = 1 / (1 + np.exp(-(line[0] * one + line[1])))
        right = np.where(truth, particle, 1 - particle)
        losses.append((np.log1p(np.exp(1 - 2 * right)) - np.log1p(np.exp(-1))).mean())
        error = np.where(truth, -2, 2) / (1 + np.exp(2 * right - 1)) * particle * (1 - particle)
        velocity = 0.8 * velocity + np.array([(error * one).mean(), error.mean()]) + 0.1 * line
        line = line - rate * velocity
    assert network.line.detach().numpy() == pytest.approx(line, rel=1e-8)
    assert history["cross_entropy"].to_list() == pytest.approx(losses, rel=1e-8)
    assert history["learning_rate"].max() > 10 * history["learning_rate"][0]


def test_networks_learn_by_sgd_and_by_the_loss_of_two_softmaxes() -> None:
    """The loss that is trained by is far below that of a network that never decides, ln 2 less the floor, 0.38."""
    settings = {"optimiser": "sgd", "learning_rate": 0.2, "loss": "softmax_twice"}
    network, history = trained(steps=60, **settings)
    assert np.mean(history[-5:]) < 0.1 < np.mean(history[:3])
    images, masks = bright_squares(61)[-1]
    with torch.inference_mode():
        assert float(((network(images) > 0) == masks).float().mean()) > 0.95


def adamw_one_cycle(x: np.ndarray, y: np.ndarray, peak: float, decay: float) -> np.ndarray:
    """Loshchilov and Hutter's algorithm 2 for a logistic regression, in NumPy."""
    line, m, v = np.array([0.3, -0.2]), np.zeros(2), np.zeros(2)
    steps, top = len(x), 0.3 * len(x) - 1

    def cosine(start: float, end: float, share: float) -> float:
        return end + (start - end) * (1 + np.cos(np.pi * share)) / 2

    for step in range(steps):
        rising, share = step <= top, step / top if step <= top else (step - top) / (steps - 1 - top)
        rate = cosine(peak / 25, peak, share) if rising else cosine(peak, peak / 25e4, share)
        beta = cosine(0.95, 0.85, share) if rising else cosine(0.85, 0.95, share)
        error = 1 / (1 + np.exp(-(line[0] * x[step] + line[1]))) - y[step]
        gradient = np.array([(error * x[step]).mean(), error.mean()])
        m, v = beta * m + (1 - beta) * gradient, 0.999 * v + 0.001 * gradient**2
        unbiased = m / (1 - beta ** (step + 1)), v / (1 - 0.999 ** (step + 1))
        line = line * (1 - rate * decay) - rate * unbiased[0] / (np.sqrt(unbiased[1]) + 1e-8)
    return line


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_lost_stops_the_training_and_tells_the_step(bad: float) -> None:
    batches = bright_squares(5)
    batches[2][0][0, 0, 3, 3] = bad
    with pytest.raises(
        TemshiftError, match=r"nan at step 3 \(epoch 2, learning rate 0.00.*lower learning_rate than 0.01"
    ):
        run(settings_for(5), batches, epoch_steps=2)


@pytest.mark.parametrize("keep", ["last", "best"])
def test_a_validation_loss_that_is_lost_stops_the_training(keep: str) -> None:
    """Weights that are finite can give logits that are not; no weights are the best then."""
    lost = [(torch.full((2, 1, 32, 32), torch.inf), torch.ones(2, 1, 32, 32, dtype=torch.bool))]
    told = "loss of the validation images is nan after step 2; take a lower learning_rate than 0.01"
    with pytest.raises(TemshiftError, match=told):
        run(settings_for(4, keep=keep), bright_squares(4), epoch_steps=2, validation=lost)


def test_the_network_is_left_in_evaluation_mode() -> None:
    network, _ = trained(steps=3)
    assert not any(module.training for module in network.modules())


def test_batches_are_taken_one_by_one_and_left_alone() -> None:
    """Training never holds more than the batch it works on."""
    batches, taken = bright_squares(4), []
    before = [(images.clone(), masks.clone()) for images, masks in batches]
    network = initialised(SHAPE, 0)

    def lent() -> Iterator[Batch]:
        for batch in batches:
            taken.append(int(network.enter[1].num_batches_tracked))
            yield batch

    train(network, lent(), settings_for(4), epoch_steps=2)
    assert taken == [0, 1, 2, 3]
    for (images, masks), (ours, theirs) in zip(batches, before, strict=True):
        assert torch.equal(images, ours) and torch.equal(masks, theirs)


def test_the_global_generator_is_left_alone() -> None:
    before = torch.random.get_rng_state()
    trained(steps=3)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("given", [0, 3])
def test_fewer_batches_than_steps_are_refused(given: int) -> None:
    with pytest.raises((TemshiftError, ValueError), match="batches"):
        run(settings_for(10), bright_squares(given))


def test_a_row_an_epoch_tells_steps_rate_and_mean_loss() -> None:
    each = run(settings_for(7), bright_squares(7))[1].history
    seen: list[dict[str, object]] = []
    history = run(settings_for(7), bright_squares(7), epoch_steps=3, on_epoch=seen.append)[1].history
    assert dict(history.schema) == HISTORY
    assert history["epoch"].to_list() == [1, 2, 3]
    assert history["steps"].to_list() == [3, 6, 7]
    assert history["learning_rate"].to_list() == [each["learning_rate"][step] for step in (2, 5, 6)]
    losses = each["cross_entropy"].to_numpy()
    expected = [losses[:3].mean(), losses[3:6].mean(), losses[6]]
    assert history["cross_entropy"].to_list() == pytest.approx(expected, rel=1e-12)
    assert history["validation_cross_entropy"].null_count() == 3
    assert seen == history.to_dicts()


def test_the_learning_rate_decays_by_the_epoch() -> None:
    settings = decaying(8, decay_per_epoch=0.5, learning_rate=0.02)
    each, history = (run(settings, bright_squares(8), epoch_steps=n)[1].history for n in (1, 3))
    assert each["learning_rate"].to_list() == pytest.approx([0.02 / 2**epoch for epoch in range(8)])
    assert history["learning_rate"].to_list() == pytest.approx([0.02, 0.01, 0.005])


def test_a_rate_that_does_not_decay_stays() -> None:
    history = run(decaying(3), bright_squares(3))[1].history
    assert history["learning_rate"].to_list() == [0.01] * 3


def test_one_cycle_follows_its_cosines() -> None:
    """Up from a 25th over 30 % of the steps, down to a 250,000th over the rest (PyTorch's defaults)."""
    found = run(settings_for(10), bright_squares(10))[1].history["learning_rate"].to_numpy()
    up = 0.01 / 25 + 0.01 * (1 - 1 / 25) * (1 - np.cos(np.pi * np.arange(3) / 2)) / 2
    low = 0.01 / 25e4
    down = low + (0.01 - low) * (1 + np.cos(np.pi * np.arange(8) / 7)) / 2
    assert found == pytest.approx(np.concatenate([up, down[1:]]), rel=1e-6)


def test_the_steps_of_adam_with_decay_are_those_of_the_paper() -> None:
    """Kingma and Ba's algorithm 1 for a logistic regression, in NumPy; two steps an epoch."""
    draws = np.random.default_rng(3)
    x, y = draws.normal(size=(6, 4, 1, 4, 4)), draws.random((6, 4, 1, 4, 4)) > 0.4
    network = Line()
    settings = decaying(6, optimiser="adam", decay_per_epoch=0.7, learning_rate=0.05)
    train(network, list(zip(torch.from_numpy(x), torch.from_numpy(y), strict=True)), settings, epoch_steps=2)
    line, m, v = np.array([0.3, -0.2]), np.zeros(2), np.zeros(2)
    for step in range(6):
        error = 1 / (1 + np.exp(-(line[0] * x[step] + line[1]))) - y[step]
        gradient = np.array([(error * x[step]).mean(), error.mean()])
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
        unbiased = m / (1 - 0.9 ** (step + 1)), v / (1 - 0.999 ** (step + 1))
        line = line - 0.05 * 0.7 ** (step // 2) * unbiased[0] / (np.sqrt(unbiased[1]) + 1e-8)
    assert network.line.detach().numpy() == pytest.approx(line, rel=1e-8)


def test_epochs_are_as_many_steps() -> None:
    by_epochs = TrainingSettings.model_validate({"epochs": 3, "batch": 8})
    assert (by_epochs.steps_per_epoch(512), by_epochs.steps_per_epoch(513)) == (64, 65)
    assert (by_epochs.steps_in_all(512), by_epochs.steps_in_all(513)) == (192, 195)
    assert TrainingSettings().steps_in_all(7) == 480
    one, other = (run(settings, bright_squares(6), epoch_steps=2) for settings in (by_epochs, settings_for(6)))
    assert same(one[0].state_dict(), other[0].state_dict())
    assert len(one[1].history) == 3


def test_the_larger_network_learns_too() -> None:
    network = initialised(ResNetUNetSettings(width=8, stem="space_to_depth"), 0)
    history = train(network, bright_squares(30), settings_for(30), epoch_steps=10).history["cross_entropy"]
    assert history[0] > 0.5 > 0.3 > history[-1]


VALIDATION = bright_squares(63)[-3:]


def test_looking_at_validation_images_changes_no_weight() -> None:
    plain, looked = (
        run(decaying(6), bright_squares(6), epoch_steps=2, validation=validation) for validation in (None, VALIDATION)
    )
    assert same(plain[0].state_dict(), looked[0].state_dict())
    assert looked[1].history["validation_cross_entropy"].null_count() == 0


def test_validation_is_the_cross_entropy_of_all_its_pixels() -> None:
    """In evaluation mode, whatever the sizes of its batches."""
    uneven = [VALIDATION[0], tuple(part[:3] for part in VALIDATION[1])]
    network, found = run(decaying(4), bright_squares(4), epoch_steps=4, validation=uneven)
    with torch.no_grad():
        logits = torch.cat([network(images) for images, _ in uneven]).double().numpy()
    signs = 2 * torch.cat([masks for _, masks in uneven]).numpy() - 1.0
    expected = np.logaddexp(0, -signs * logits).mean()
    assert found.history["validation_cross_entropy"][0] == pytest.approx(expected, rel=1e-5)


BEST = 5  # the statistics of the normalisation lag behind, so that the first epoch of wrong masks still helps


def spoilt() -> list[Batch]:
    """Four epochs to learn from, then masks that are turned into their opposite."""
    return [(images, masks if step < 24 else ~masks) for step, (images, masks) in enumerate(bright_squares(48))]


def overtrained(**given: object) -> tuple[nn.Module, Trained]:
    return run(decaying(48, **given), spoilt(), epoch_steps=6, validation=VALIDATION)


@pytest.fixture(scope="module")
def whole() -> Trained:
    return overtrained(keep="both")[1]


def test_the_best_weights_are_kept_and_scored(whole: Trained) -> None:
    losses = whole.history["validation_cross_entropy"].to_list()
    assert np.argmin(losses) == BEST - 1 and losses[-1] > losses[BEST - 1]
    network, found = overtrained(keep="best")
    assert found.states.keys() == {"weights"}
    assert same(network.state_dict(), found.states["weights"]) and not network.training
    assert same(found.states["weights"], whole.states["weights"])
    stopped = run(decaying(6 * BEST), spoilt()[: 6 * BEST])[0]
    assert same(network.state_dict(), stopped.state_dict())


@pytest.mark.parametrize("keep", ["last", "none"])
def test_the_last_weights_are_kept_and_scored(whole: Trained, keep: str) -> None:
    network, found = overtrained(keep=keep)
    assert found.states.keys() == {"weights"}
    assert same(network.state_dict(), found.states["weights"])
    assert same(found.states["weights"], whole.states["last"])
    assert not same(found.states["weights"], whole.states["weights"])


@pytest.mark.parametrize("patience", [1, 2])
def test_early_stopping_stops_and_the_best_weights_are_kept(whole: Trained, patience: int) -> None:
    found = overtrained(keep="best", early_stopping_epochs=patience)[1]
    assert found.history.equals(whole.history.head(BEST + patience))
    assert same(found.states["weights"], whole.states["weights"])


def test_early_stopping_takes_no_more_batches() -> None:
    batches = iter(spoilt())
    settings = decaying(48, early_stopping_epochs=1)
    train(initialised(SHAPE, 0), batches, settings, epoch_steps=6, validation=VALIDATION)
    assert len(list(batches)) == 48 - 6 * (BEST + 1)


@pytest.mark.parametrize("given", [{"keep": "best"}, {"keep": "both"}, {"early_stopping_epochs": 2}])
def test_settings_tell_that_they_need_validation(given: dict[str, object]) -> None:
    settings = decaying(4, **given)
    assert settings.needs_validation and not decaying(4).needs_validation
    with pytest.raises(ValueError, match="give validation"):
        run(settings, bright_squares(4))


def test_kept_weights_are_copies() -> None:
    network, found = run(settings_for(3), bright_squares(3))
    before = {name: tensor.clone() for name, tensor in found.states["weights"].items()}
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    assert same(found.states["weights"], before)


def test_bfloat16_learns_nearly_as_well() -> None:
    """Weights stay float32; of 8 bits of mantissa the losses keep two digits."""
    single, half = (
        run(settings_for(60, precision=precision), bright_squares(60), epoch_steps=10, validation=VALIDATION)
        for precision in ("float32", "bfloat16")
    )
    assert {parameter.dtype for parameter in half[0].parameters()} == {torch.float32}
    losses = [one[1].history["validation_cross_entropy"][-1] for one in (single, half)]
    assert losses[1] == pytest.approx(losses[0], rel=0.1)
    assert losses[1] != losses[0]


def test_weights_that_are_lost_in_the_last_step_are_told() -> None:
    """The only loss is finite, the weights after it are not."""

    class Edge(Line):
        def forward(self, images: Tensor) -> Tensor:
            return super().forward(images) + torch.sqrt(self.line[0] - 0.3)

    batches = [(torch.ones(1, 1, 2, 2, dtype=torch.float64), torch.ones(1, 1, 2, 2, dtype=torch.bool))] * 2
    network = Edge()
    with torch.no_grad():
        network.line[0] = 0.3
    with pytest.raises(TemshiftError, match="weights are not finite after step 1; take a lower learning_rate"):
        train(network, batches, settings_for(2), epoch_steps=1)
