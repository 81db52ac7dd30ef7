"""Networks of MONAI: what settings allow, sizes, repeatable weights and draws, stored and exported networks."""

from pathlib import Path
from typing import Any

import onnx
import polars as pl
import pytest
import torch

from temshift.configuration.model import Configuration, ConfigurationError, dump_configuration, parse_configuration
from temshift.core.errors import InputError
from temshift.networks import (
    CompactUNetSettings,
    InitialWeights,
    Member,
    NetworkSettings,
    TrainingSettings,
    build,
    export_onnx,
    initialised,
    load,
    network_faults,
    parameter_count,
    require_initial,
    save_weights,
    train,
    train_cohort,
    write_network,
)
from temshift.networks.architectures import monai
from temshift.vocabulary.columns import HISTORY

KINDS = [
    monai.MonaiUNetSettings(channels=(4, 8)),
    monai.MonaiFlexibleUNetSettings(decoder_channels=(16, 8, 8, 4, 4)),
    monai.MonaiAttentionUNetSettings(channels=(4, 8)),
    monai.MonaiBasicUNetSettings(channels=(4, 4, 4, 8, 8, 4)),
    monai.MonaiDynUNetSettings(channels=(4, 8, 8), residual=True),
    monai.MonaiSegResNetSettings(blocks_down=(1, 1)),
]
NAMES = [settings.architecture for settings in KINDS]


class Holder(Configuration):
    network: NetworkSettings = CompactUNetSettings()


def read(text: str) -> NetworkSettings:
    return parse_configuration(f"network: {text}", Holder, "study.yaml").network


def images(seed: int = 0, sides: tuple[int, int] = (50, 70)) -> torch.Tensor:
    return torch.randn(2, 1, *sides, generator=torch.Generator().manual_seed(seed))


def batches(count: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    return [(images(number, (32, 32)), images(number, (32, 32)) > 0.5) for number in range(count)]


def test_every_architecture_has_a_class_and_a_test() -> None:
    assert sorted(NAMES) == sorted(monai.CLASSES)


@pytest.mark.parametrize("settings", KINDS, ids=NAMES)
def test_settings_come_back_from_text(settings: NetworkSettings) -> None:
    assert parse_configuration(dump_configuration(Holder(network=settings)), Holder, "study.yaml").network == settings
    assert Holder(network=settings.model_dump(mode="json")).network == settings
    assert settings in {settings}  # plans count kinds by hash


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{kind: monai, architecture: une}", "network.architecture: 'une' is not known; allowed: 'unet'"),
        ("{kind: monai, chanels: [8]}", "network.chanels: unknown key; allowed: 'kind', 'architecture', 'channels'"),
        ("{kind: monai, channels: [8, 5000]}", "network.channels.1: given 5000; must be less than or equal to 1024"),
        ("{kind: monai, channels: [8, 8], strides: [2, 2]}", "network: strides has 2 numbers and channels 2; give"),
        ("{kind: monai, architecture: segresnet, width: 9}", "network.width: given 9; must be a multiple of 8"),
        ("{kind: monai, architecture: flexible_unet, backbone: vgg}", "network.backbone: 'vgg' is not known"),
    ],
)
def test_faults_name_the_keys_of_the_architecture(text: str, fault: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(text)
    (only,) = caught.value.faults
    assert str(only).startswith(f"line 1, {fault}")


@pytest.mark.parametrize("settings", KINDS, ids=NAMES)
def test_weights_and_draws_follow_from_the_seed_alone(settings: NetworkSettings) -> None:
    before = torch.random.get_rng_state()
    first, again, other = initialised(settings, 3), initialised(settings, 3), initialised(settings, 4)
    for _ in range(2):
        logits = first(images())
        assert torch.equal(logits, again(images())) and logits.shape == (2, 1, 50, 70)
    assert torch.equal(torch.random.get_rng_state(), before)
    states = [dict(network.state_dict()) for network in (first, again, other)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert any(not torch.equal(states[0][name], states[2][name]) for name in states[0])


def test_dropout_draws_anew_at_each_step_and_not_in_evaluation() -> None:
    network = initialised(monai.MonaiUNetSettings(channels=(8, 16), dropout=0.5), 0)
    assert not torch.equal(network(images()), network(images()))
    network.eval()
    assert torch.equal(network(images()), network(images()))


@pytest.mark.slow
@pytest.mark.parametrize("settings", KINDS, ids=NAMES)
def test_a_network_is_stored_loaded_and_exported_with_its_source(settings: NetworkSettings, tmp_path: Path) -> None:
    network = initialised(settings, 1)
    training = TrainingSettings(steps=2, batch=2, learning_rate=1e-3)
    trained = train(network, batches(2), training, epoch_steps=2)
    card = {"network": settings.model_dump(mode="json"), "source": {**(network.made_by or {}), "version": "then"}}
    write_network(tmp_path / "net", trained.states, pl.DataFrame(schema=HISTORY), card)
    loaded = load(tmp_path / "net")
    assert not loaded.training and not any(module.training for module in loaded.modules())
    with torch.inference_mode():
        assert torch.equal(loaded(images()), network(images()))
        alone = torch.cat([loaded(image[None]) for image in images()])
        assert torch.allclose(loaded(images()), alone, atol=1e-5)  # statistics are those that were learned
    export_onnx(loaded, tmp_path / "net.onnx")
    metadata = {entry.key: entry.value for entry in onnx.load(tmp_path / "net.onnx").metadata_props}
    assert '"version": "then"' in metadata["temshift.source"]
    assert f'"class": "monai.networks.nets.{monai.CLASSES[settings.architecture]}"' in metadata["temshift.source"]


def test_a_cohort_is_trained_in_turn_and_can_not_be_joined() -> None:
    settings, training = KINDS[0], TrainingSettings(steps=2, batch=2)

    def members() -> list[Member]:
        return [Member(initialised(settings, seed), batches(2), training) for seed in (0, 1)]

    cohort = members()
    train_cohort(cohort, epoch_steps=2)
    alone = members()[1]
    train(alone.network, alone.batches, training, epoch_steps=2)
    states = cohort[1].network.state_dict(), alone.network.state_dict()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    with pytest.raises(ValueError, match="can't be joined; give members that are alike, or way 'in_turn'"):
        train_cohort(members(), epoch_steps=2, way="together")


@pytest.mark.parametrize(
    ("settings", "batch", "side", "fault"),
    [
        (KINDS[0], 2, 2, "can't take 2 images of 2 x 2 pixels (ValueError: Expected more than 1 spatial element"),
        (KINDS[2], 1, 2, "can't take 1 images of 2 x 2 pixels (ValueError: Expected more than 1 value per channel"),
        (KINDS[3], 2, 16, "can't take 2 images of 16 x 16 pixels"),
        (KINDS[3], 2, 32, None),
        (KINDS[0], 2, 64, None),
    ],
)
def test_images_that_it_can_not_take_are_a_fault(settings: Any, batch: int, side: int, fault: str | None) -> None:
    faults = network_faults(settings, batch, (side, side))
    assert faults == [] if fault is None else faults[0].startswith(f"the {settings.architecture} of MONAI {fault}")


def test_without_monai_one_sentence_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monai.importlib.util, "find_spec", lambda name: None)
    assert network_faults(KINDS[0], 2, (64, 64)) == [monai.MISSING]
    assert 'pip install "temshift[zoo]"' in monai.MISSING
    with pytest.raises(InputError) as caught:
        build(KINDS[0])
    assert str(caught.value) == monai.MISSING


def test_it_starts_from_weights_but_has_no_encoder_to_freeze(tmp_path: Path) -> None:
    save_weights(initialised(KINDS[0], 1), tmp_path / "weights.safetensors")
    initial = InitialWeights(weights=str(tmp_path))
    require_initial(KINDS[0], TrainingSettings(initial=initial))
    frozen = initial.model_copy(update={"freeze": "encoder"})
    with pytest.raises(InputError, match="training.initial.freeze: part 'encoder': the network has no part"):
        require_initial(KINDS[0], TrainingSettings(initial=frozen))


# Sums of |weights|, and |logits| of one image: of MONAI 1.6.1. Ids of networks don't hold its version: if these
# differ for a new one, old networks must not count as those that it makes: `network_identity` then needs a number.
NUMBERS: dict[str, tuple[int, float, float]] = {
    "unet": (1272, 120.8237, 5431.5659),
    "flexible_unet": (5388985, 301580.9485, 2255.9751),
    "attention_unet": (1747, 162.5818, 3434.8029),
    "basic_unet": (6095, 498.5006, 2462.2726),
    "dynunet": (5013, 810.9135, 2485.4917),
    "segresnet": (8417, 493.8349, 2309.5813),
}


@pytest.mark.parametrize("settings", KINDS, ids=NAMES)
def test_monai_makes_the_same_numbers_as_ever(settings: Any) -> None:
    assert numbers(settings) == pytest.approx(NUMBERS[settings.architecture], rel=1e-3)


def numbers(settings: Any) -> tuple[int, float, float]:
    network = initialised(settings, 0)
    weights = sum(float(parameter.detach().double().abs().sum()) for parameter in network.parameters())
    with torch.inference_mode():
        logits = network.train()(images(1, (64, 64)))
    return parameter_count(network), weights, float(logits.double().abs().sum())
