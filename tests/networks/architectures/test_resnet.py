"""The ResNet U-Net: its size and cost against published numbers, its shapes, and what moves with its images."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from temshift.networks import ResNetUNet, ResNetUNetSettings, build, initialised, parameter_count

FULL = ResNetUNetSettings()
SMALL = ResNetUNetSettings(width=8)
FOLDED = ResNetUNetSettings(width=8, stem="space_to_depth")
KINDS = [SMALL, FOLDED, ResNetUNetSettings(width=8, normalisation="group")]


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def on_paper(shape: ResNetUNetSettings) -> ResNetUNet:
    with torch.device("meta"):
        return build(shape)


def test_the_encoder_is_resnet_18_without_its_classifier() -> None:
    """Of 11,689,512 parameters 513,000 are the classifier's; the first layer sees one colour instead of three."""
    assert parameter_count(on_paper(FULL).encoder) == 11_689_512 - (512 + 1) * 1000 - 2 * 7 * 7 * 64


def test_the_encoder_costs_what_table_1_of_he_et_al_says() -> None:
    """1.8e9 multiply-adds at 224 x 224 pixels: strides and sizes of all stages are those of ResNet-18."""
    encoder, features = on_paper(FULL).encoder, torch.empty(1, 1, 224, 224, device="meta")
    with FlopCounterMode(display=False) as counted:
        for stage in encoder:
            features = stage(features)
    assert features.shape == (1, 512, 7, 7)
    two_colours = 2 * 7 * 7 * 64 * 112**2
    assert counted.get_total_flops() / 2 + two_colours == pytest.approx(1.8e9, rel=0.02)


def test_it_has_about_14_million_parameters() -> None:
    """Counted by hand: each step of the decoder convolves twice, 3 x 3, with two numbers a channel to normalise."""
    steps = [(512 + 256, 256), (256 + 128, 128), (128 + 64, 64), (64 + 64, 32), (32, 16)]
    decoder = sum(9 * inputs * out + 9 * out**2 + 2 * 2 * out for inputs, out in steps) + 9 * 16 + 1
    assert parameter_count(on_paper(FULL)) == 11_170_240 + decoder == 14_321_937
    assert parameter_count(on_paper(ResNetUNetSettings(stem="space_to_depth"))) == pytest.approx(14.3e6, rel=0.01)


@pytest.mark.parametrize("shape", KINDS)
def test_width_scales_every_layer(shape: ResNetUNetSettings) -> None:
    wide = on_paper(shape.model_copy(update={"width": 16})).state_dict()
    for name, tensor in on_paper(shape).state_dict().items():
        for ours, theirs in zip(tensor.shape, wide[name].shape, strict=True):
            assert theirs in (ours, 2 * ours), name


@settings(max_examples=12)
@given(st.sampled_from(KINDS), st.integers(1, 70), st.integers(1, 70))
def test_logits_have_the_size_of_the_images(shape: ResNetUNetSettings, rows: int, columns: int) -> None:
    logits = initialised(shape, 0).eval()(noise(2, 1, rows, columns))
    assert logits.shape == (2, 1, rows, columns)
    assert torch.isfinite(logits).all()


def test_the_full_network_starts_with_logits_that_leave_both_classes_possible() -> None:
    with torch.no_grad():
        logits = initialised(FULL, 1)(noise(2, 1, 64, 64))
    assert 0.1 < float(logits.std()) < 5


@pytest.mark.parametrize("shape", KINDS)
def test_every_weight_has_a_gradient(shape: ResNetUNetSettings) -> None:
    network = initialised(shape, 0)
    network(noise(2, 1, 64, 64)).square().mean().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("shape", [SMALL, FOLDED])
@pytest.mark.parametrize("axis", [-1, -2])
def test_images_moved_by_the_divisor_move_their_logits(shape: ResNetUNetSettings, axis: int) -> None:
    """A strip moves along its length; its far ends are out of the reach of its middle."""
    network = initialised(shape, 2).eval()
    size = (32, 1024) if axis == -1 else (1024, 32)
    images = noise(1, 1, *size)
    with torch.inference_mode():
        still, moved, other = (network(images.roll(step, axis)) for step in (0, 32, 16))
    middle = still.narrow(axis, 464, 64)
    assert torch.allclose(moved.narrow(axis, 496, 64), middle, atol=1e-5 * float(middle.std()))
    assert not torch.allclose(other.narrow(axis, 480, 64), middle, atol=1e-2 * float(middle.std()))


def test_group_normalisation_ignores_companions_in_training_too() -> None:
    images = noise(3, 1, 64, 64)
    for kind, ignored in (("group", True), ("batch", False)):
        network = initialised(ResNetUNetSettings(width=8, normalisation=kind), 0).train()
        with torch.no_grad():
            assert torch.allclose(network(images)[:1], network(images[:1]), atol=1e-4) is ignored


def test_groups_divide_the_channels_and_are_as_many_as_eight() -> None:
    network = on_paper(ResNetUNetSettings(width=12, normalisation="group"))
    found = {module.num_channels: module.num_groups for module in network.modules() if isinstance(module, nn.GroupNorm)}
    assert found == {3: 3, 6: 6, 12: 6, 24: 8, 48: 8, 96: 8}
    assert not any(isinstance(module, nn.BatchNorm2d) for module in network.modules())


def test_a_residual_block_of_zero_convolutions_passes_its_input() -> None:
    block = initialised(SMALL, 0).encoder[1][2].eval()
    for parameter in block.change.parameters():
        nn.init.zeros_(parameter)
    features = noise(1, 8, 4, 4)
    assert torch.equal(block(features), features.clamp(min=0))
