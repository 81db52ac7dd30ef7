"""Which network a mapping means, what is told of a wrong one, and initial weights of every kind."""

import math

import pytest
import torch
from torch import nn

from temshift.configuration.model import Configuration, ConfigurationError, dump_configuration, parse_configuration
from temshift.networks import (
    CompactUNet,
    CompactUNetSettings,
    NetworkSettings,
    ResNetUNet,
    ResNetUNetSettings,
    build,
    initialised,
)

KINDS = [
    CompactUNetSettings(widths=(8, 12), stem=2),
    CompactUNetSettings(widths=(8, 12), stem=2, normalisation="group"),
    ResNetUNetSettings(width=16),
    ResNetUNetSettings(width=16, stem="space_to_depth", normalisation="group"),
]


class Holder(Configuration):
    network: NetworkSettings = CompactUNetSettings()


def read(text: str) -> NetworkSettings:
    return parse_configuration(text, Holder, "study.yaml").network


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{}", CompactUNetSettings()),
        ("network: {widths: [8, 16]}", CompactUNetSettings(widths=(8, 16))),
        ("network: {kind: compact, stem: 2}", CompactUNetSettings(stem=2)),
        ("network: {kind: resnet18}", ResNetUNetSettings()),
        (
            "network: {kind: resnet18, width: 32, stem: space_to_depth}",
            ResNetUNetSettings(width=32, stem="space_to_depth"),
        ),
    ],
)
def test_the_kind_is_the_compact_network_where_a_file_does_not_say(text: str, expected: NetworkSettings) -> None:
    assert read(text) == expected


@pytest.mark.parametrize("settings", KINDS)
def test_settings_come_back_from_text(settings: NetworkSettings) -> None:
    assert read(dump_configuration(Holder(network=settings))) == settings
    assert Holder(network=settings.model_dump(mode="json")).network == settings


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "{width: 8}",
            "network.width: unknown key; allowed: 'kind', 'widths', 'stem', 'normalisation'",
        ),
        (
            "{kind: resnet18, widths: [8]}",
            "network.widths: unknown key; allowed: 'kind', 'width', 'stem',",
        ),
        ("{kind: vit}", "network.kind: 'vit' is not known; allowed: 'compact', 'resnet18', 'monai', 'factory'"),
        ("{kind: 3}", "network.kind: '3' is not known; allowed: 'compact', 'resnet18'"),
        ("{kind: [compact]}", "network.kind: "),
        ("{kind: null}", "network: the key 'kind' is missing"),
        ("{kind: resnet18, width: 30}", "network.width: given 30; must be a multiple of 4"),
        ("{kind: resnet18, stem: 4}", "network.stem: 4 is not known; allowed: 'convolution', 'space_to_depth'"),
        ("{widths: [2]}", "network.widths.0: given 2; must be greater than or equal to 4"),
        ("{normalisation: layer}", "network.normalisation: 'layer' is not known; allowed: 'batch', 'group'"),
        ("5", "network: given 5; must be a mapping"),
    ],
)
def test_faults_name_the_keys_of_the_kind_that_was_chosen(text: str, told: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(f"network: {text}")
    (fault,) = caught.value.faults
    assert str(fault).startswith(f"line 1, {told}")


@pytest.mark.parametrize(("settings", "network"), [(KINDS[0], CompactUNet), (KINDS[2], ResNetUNet)])
def test_each_kind_is_built(settings: NetworkSettings, network: type) -> None:
    assert type(build(settings)) is network
    assert build(settings).divisor == settings.divisor


@pytest.mark.parametrize("settings", KINDS)
def test_every_kind_starts_he_normal_and_neutral(settings: NetworkSettings) -> None:
    """sd = sqrt(2 / fan_in); n values fix it to 1 / sqrt(2 n)."""
    before = torch.random.get_rng_state()
    network = initialised(settings, 5)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert network.training
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d):
            weights = module.weight.detach()
            expected = math.sqrt(2 / weights[0].numel())
            assert float(weights.std()) == pytest.approx(expected, rel=5 / math.sqrt(2 * weights.numel())), name
            assert module.weight.is_contiguous(memory_format=torch.channels_last)
            assert module.bias is None or not module.bias.detach().any()
        elif isinstance(module, nn.BatchNorm2d | nn.GroupNorm):
            assert bool((module.weight == 1).all()) and not module.bias.detach().any()
    assert all(bool(torch.isfinite(tensor).all()) for tensor in network.state_dict().values())


@pytest.mark.parametrize("settings", KINDS)
def test_nothing_stays_uninitialised(settings: NetworkSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is poisoned before it is filled; two networks of one seed are alike, of another not."""
    lay_out = nn.Module.to_empty

    def poisoned(self: nn.Module, **options: object) -> nn.Module:
        network = lay_out(self, **options)
        for tensor in network.state_dict().values():
            tensor.fill_(float("nan") if tensor.is_floating_point() else -77)
        return network

    clean = initialised(settings, 4).state_dict()
    monkeypatch.setattr(nn.Module, "to_empty", poisoned)
    again, other = initialised(settings, 4).state_dict(), initialised(settings, 5).state_dict()
    assert all(torch.equal(clean[name], again[name]) for name in clean)
    assert {name for name in clean if not torch.equal(clean[name], other[name])} == {
        name for name, tensor in clean.items() if tensor.ndim == 4
    }
