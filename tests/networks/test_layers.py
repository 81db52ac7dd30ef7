"""What networks share: padding, and parts that stay as they are."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from temshift.networks import (
    CompactUNetSettings,
    NetworkSettings,
    ResNetUNetSettings,
    UNet,
    freeze,
    initialised,
    parameter_count,
)
from temshift.networks.layers import padded

COMPACT = CompactUNetSettings(widths=(4, 6), stem=2)
KINDS = [COMPACT, ResNetUNetSettings(width=8), ResNetUNetSettings(width=8, stem="space_to_depth")]
sizes = st.integers(1, 40)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@settings(max_examples=40)
@given(sizes, sizes, st.integers(1, 20))
def test_padding_repeats_the_far_edges_and_no_more_than_needed(rows: int, columns: int, divisor: int) -> None:
    images = noise(2, 1, rows, columns)
    found = padded(images, divisor)
    more = [size - old for size, old in zip(found.shape[-2:], (rows, columns), strict=True)]
    assert all(size % divisor == 0 for size in found.shape[-2:]) and max(more) < divisor
    expected = np.pad(images.numpy(), [(0, 0), (0, 0), (0, more[0]), (0, more[1])], mode="edge")
    assert np.array_equal(found.numpy(), expected)


def test_images_that_fit_are_not_even_copied() -> None:
    images = noise(1, 1, 32, 48)
    assert padded(images, 16) is images


@pytest.mark.parametrize("shape", KINDS)
def test_any_size_is_that_of_the_padded_image_cut_out(shape: NetworkSettings) -> None:
    network, images = initialised(shape, 0).eval(), noise(2, 1, 33, 50)
    rows, columns = (-size % shape.divisor for size in (33, 50))
    whole = np.pad(images.numpy(), [(0, 0), (0, 0), (0, rows), (0, columns)], mode="edge")
    with torch.inference_mode():
        assert torch.allclose(network(images), network(torch.from_numpy(whole))[..., :33, :50], atol=1e-5)


@pytest.mark.parametrize("wrong", [(32, 32), (1, 32, 32), (2, 3, 32, 32), (1, 1, 1, 32, 32)])
def test_images_of_other_axes_or_channels_are_refused(wrong: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"must be \(n, 1, y, x\)"):
        initialised(COMPACT, 0)(torch.zeros(wrong))


@pytest.mark.parametrize("shape", KINDS)
def test_encoder_and_decoder_together_are_the_network(shape: NetworkSettings) -> None:
    network = initialised(shape, 0)
    parts = [*network.encoder_parts, *network.decoder_parts]
    assert len(parts) == len(set(parts))
    assert sum(parameter_count(network.get_submodule(name)) for name in parts) == parameter_count(network)
    for name in parts:
        assert parameter_count(network.get_submodule(name)) > 0


def step(network: UNet) -> None:
    """One step of a training that decays weights, in training mode."""
    network.train()
    optimiser = torch.optim.AdamW([one for one in network.parameters() if one.requires_grad], weight_decay=0.1)
    network(noise(4, 1, 64, 64, seed=5) + 1).square().mean().backward()
    optimiser.step()


@pytest.mark.parametrize("shape", KINDS)
@pytest.mark.parametrize("part", ["encoder", "decoder", "none"])
def test_a_frozen_part_stays_to_the_bit_and_the_rest_learns(shape: NetworkSettings, part: str) -> None:
    network = initialised(shape, 0)
    freeze(network, part)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    step(network)
    frozen = {"encoder": network.encoder_parts, "decoder": network.decoder_parts, "none": ()}[part]
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, before[name]) is (name.split(".")[0] in frozen), name


def test_frozen_parts_stay_in_evaluation_through_copies_and_changes_of_mode() -> None:
    network = initialised(COMPACT, 0)
    freeze(network, "encoder")
    for one in (network, copy.deepcopy(network), network.eval().train()):
        assert one.training and one.up[0][1].training
        assert not one.enter[1].training and not one.down[0][4].training
    freeze(network, "none")
    assert all(module.training for module in network.modules())
    assert all(parameter.requires_grad for parameter in network.parameters())


def test_freezing_a_network_in_evaluation_mode_leaves_it_there() -> None:
    network = initialised(COMPACT, 0).eval()
    freeze(network, "decoder")
    assert not any(module.training for module in network.modules())


def test_another_part_is_refused() -> None:
    with pytest.raises(ValueError, match="'head' is not known; allowed: encoder, decoder, none"):
        freeze(initialised(COMPACT, 0), "head")
