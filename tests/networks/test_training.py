"""Training: it learns, repeats bit for bit, and stops when the loss is lost."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss
from torch import Tensor, nn

from temshift.core.errors import TemshiftError
from temshift.networks import CompactUNetSettings, TrainingSettings, initialised, train

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


def settings_for(steps: int, **given: float) -> TrainingSettings:
    return TrainingSettings.model_validate({"steps": steps, "batch": 8, **given})


def trained(steps: int = 12, seed: int = 0) -> tuple[nn.Module, list[float]]:
    network = initialised(SHAPE, seed)
    return network, train(network, bright_squares(steps), settings_for(steps))


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
    states = one.state_dict(), other.state_dict()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert trained(seed=1)[1] != history


def test_the_first_loss_is_the_cross_entropy_of_the_initial_network() -> None:
    images, masks = bright_squares(1)[0]
    with torch.no_grad():
        probabilities = torch.sigmoid(initialised(SHAPE, 0).train()(images)).flatten().double().numpy()
    history = train(initialised(SHAPE, 0), [(images, masks)] * 2, settings_for(2))
    assert history[0] == pytest.approx(log_loss(masks.flatten().numpy(), probabilities), rel=1e-5)


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
    )
    assert network.line.detach().numpy() == pytest.approx(adamw_one_cycle(x, y, 0.05, 0.1), rel=1e-8)


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
    with pytest.raises(TemshiftError, match="nan at step 3"):
        train(initialised(SHAPE, 0), batches, settings_for(5))


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

    train(network, lent(), settings_for(4))
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
        train(initialised(SHAPE, 0), bright_squares(given), settings_for(10))
