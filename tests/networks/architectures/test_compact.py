"""The compact U-Net: size, shapes, initial weights, and where a pixel of the input is felt."""

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from temshift.networks import CompactUNet, CompactUNetSettings, initialised

DEFAULT = CompactUNetSettings()
shapes = st.builds(
    CompactUNetSettings,
    widths=st.lists(st.integers(4, 9), min_size=1, max_size=3).map(tuple),
    stem=st.integers(1, 3),
)


def parameters_of(shape: CompactUNetSettings) -> int:
    """Count weights by hand: two 3 x 3 convolutions with normalisation a block, one block down and up a scale."""

    def block(inputs: int, outputs: int) -> int:
        return 9 * inputs * outputs + 9 * outputs**2 + 2 * 2 * outputs

    widths, pixels = shape.widths, shape.stem**2
    pairs = list(pairwise(widths))
    down, up = sum(block(a, b) for a, b in pairs), sum(block(a + b, a) for a, b in pairs)
    return block(pixels, widths[0]) + down + up + (widths[0] + 1) * pixels


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_the_default_has_95312_parameters() -> None:
    assert count(initialised(DEFAULT, 0)) == parameters_of(DEFAULT) == 95_312


@settings(max_examples=15)
@given(shapes, st.integers(1, 2), st.integers(1, 2))
def test_logits_have_the_shape_of_the_images_and_the_size_is_as_counted(
    shape: CompactUNetSettings, rows: int, columns: int
) -> None:
    network = initialised(shape, 0).eval()
    images = torch.randn(
        2, 1, 2 * rows * shape.divisor, columns * shape.divisor, generator=torch.Generator().manual_seed(0)
    )
    logits = network(images)
    assert logits.shape == images.shape
    assert torch.isfinite(logits).all()
    assert count(network) == parameters_of(shape)


def test_initial_logits_leave_both_classes_possible() -> None:
    """Standardised noise gives logits of about unit spread: no sigmoid is saturated before training."""
    network = initialised(DEFAULT, 3)
    logits = network(torch.randn(8, 1, 64, 64, generator=torch.Generator().manual_seed(1)))
    assert 0.2 < float(logits.detach().std()) < 3
    assert abs(float(logits.detach().mean())) < 1


def test_weights_are_drawn_from_one_generator_in_the_order_of_the_layers() -> None:
    """Draws repeated by hand, with the names that stored weights have: old weights and seeds stay good."""
    source, state = torch.Generator().manual_seed(11), initialised(DEFAULT, 11).state_dict()
    blocks = ["enter", "down.0", "down.1", "up.0", "up.1"]
    convolutions = [f"{block}.{place}.weight" for block in blocks for place in (0, 3)] + ["leave.weight"]
    assert [name for name, tensor in state.items() if tensor.ndim == 4] == convolutions
    for name in convolutions:
        drawn = torch.empty(state[name].shape).normal_(0, math.sqrt(2 / state[name][0].numel()), generator=source)
        assert torch.equal(state[name], drawn), name
    statistics = {"weight", "bias", "running_mean", "running_var", "num_batches_tracked"}
    assert set(state) - set(convolutions) == {
        *(f"{block}.{place}.{one}" for block in blocks for place in (1, 4) for one in statistics),
        "leave.bias",
    }


def test_a_seed_gives_one_network_and_another_seed_another() -> None:
    one, again, other = (initialised(DEFAULT, seed).state_dict() for seed in (4, 4, 5))
    assert all(torch.equal(one[name], again[name]) for name in one)
    changed = {name for name in one if not torch.equal(one[name], other[name])}
    assert changed == {name for name, tensor in one.items() if tensor.ndim == 4}


@settings(max_examples=10)
@given(st.integers(0, 2**63 - 1))
def test_the_global_generator_is_left_alone(seed: int) -> None:
    before = torch.random.get_rng_state()
    initialised(CompactUNetSettings(widths=(4, 4), stem=1), seed)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_convolutions_are_he_normal_and_the_rest_is_neutral() -> None:
    """sd = sqrt(2 / fan_in); a weight tensor of n values fixes it to 1 / sqrt(2 n)."""
    for name, module in initialised(CompactUNetSettings(widths=(32, 48, 64)), 0).named_modules():
        if isinstance(module, nn.Conv2d):
            weights, fan_in = module.weight.detach(), module.weight[0].numel()
            error = 5 / math.sqrt(2 * weights.numel())
            assert float(weights.std()) == pytest.approx(math.sqrt(2 / fan_in), rel=error), name
            assert module.bias is None or not module.bias.detach().any()
        if isinstance(module, nn.BatchNorm2d):
            assert torch.equal(module.weight, torch.ones_like(module.weight)) and not module.bias.detach().any()
            assert (
                torch.equal(module.running_var, torch.ones_like(module.running_var)) and not module.running_mean.any()
            )
            assert int(module.num_batches_tracked) == 0


def test_nothing_stays_uninitialised(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory that a network is laid out in is poisoned first; no poison may be left."""
    lay_out = CompactUNet.to_empty

    def poisoned(self: CompactUNet, **options: object) -> CompactUNet:
        network = lay_out(self, **options)
        for tensor in network.state_dict().values():
            tensor.fill_(float("nan") if tensor.is_floating_point() else -77)
        return network

    monkeypatch.setattr(CompactUNet, "to_empty", poisoned)
    network = initialised(DEFAULT, 0)
    for name, tensor in [*network.named_parameters(), *network.named_buffers()]:
        assert tensor.device.type == "cpu"
        assert torch.isfinite(tensor).all() and not (tensor == -77).any(), name


def test_in_evaluation_an_image_ignores_its_companions() -> None:
    network = initialised(DEFAULT, 0).eval()
    images = torch.randn(4, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert torch.allclose(network(images)[2:3], network(images[2:3]), atol=1e-5)


def test_a_pixel_is_felt_around_its_place() -> None:
    """Blocks of pixels are folded and unfolded without moving anything."""
    network = initialised(CompactUNetSettings(widths=(8,), stem=2), 1).eval()
    images = torch.randn(1, 1, 48, 64, generator=torch.Generator().manual_seed(0))
    changed = images.clone()
    changed[0, 0, 21, 40] += 5
    with torch.inference_mode():
        felt = (network(changed) - network(images))[0, 0].abs() > 1e-6
    rows, columns = torch.nonzero(felt).T
    assert 20 - 4 <= int(rows.min()) <= 21 <= int(rows.max()) <= 21 + 4
    assert 40 - 4 <= int(columns.min()) <= 40 <= int(columns.max()) <= 41 + 4


def test_images_are_left_alone() -> None:
    images = torch.randn(2, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    before = images.clone()
    initialised(DEFAULT, 0)(images)
    assert torch.equal(images, before)
