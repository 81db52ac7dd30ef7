"""Training that starts from saved weights: which are taken, what is frozen, and files that are refused."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from temshift.core.errors import DamagedError, InputError
from temshift.networks import (
    CompactUNetSettings,
    TrainingSettings,
    UNet,
    apply_initial,
    initialised,
    require_initial,
    save_weights,
    train,
)

SHAPE = CompactUNetSettings(widths=(8, 12), stem=2)
Batch = tuple[Tensor, Tensor]


def noise(steps: int) -> list[Batch]:
    """Images whose large values are the mask."""
    images = torch.randn(steps, 8, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    return [(batch, batch > 0.5) for batch in images]


def settings_for(steps: int, **given: object) -> TrainingSettings:
    return TrainingSettings.model_validate({"steps": steps, "batch": 8, **given})


def trained() -> UNet:
    network = initialised(SHAPE, 5)
    train(network, noise(10), settings_for(10), epoch_steps=5)
    return network


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a trained network."""
    folder = tmp_path_factory.mktemp("network")
    save_weights(trained(), folder / "weights.safetensors")
    return folder


def starting_from(path: Path, freeze: str = "none", steps: int = 6) -> TrainingSettings:
    return settings_for(steps, initial={"weights": str(path), "freeze": freeze}).resolved()


def of_part(network: UNet, names: tuple[str, ...]) -> dict[str, Tensor]:
    """Weights and running statistics of some parts."""
    return {name: tensor for name, tensor in network.state_dict().items() if name.split(".")[0] in names}


@pytest.mark.parametrize("where", ["", "weights.safetensors"])
def test_training_starts_from_saved_weights(saved: Path, where: str) -> None:
    network, settings = initialised(SHAPE, 0), starting_from(saved / where)
    apply_initial(network, settings)
    assert network.training
    assert same(network.state_dict(), trained().state_dict())
    apply_initial(network, settings_for(2))
    assert same(network.state_dict(), trained().state_dict())


@pytest.mark.parametrize("freeze", ["encoder", "decoder", "none"])
def test_what_is_frozen_stays_and_the_rest_learns(saved: Path, freeze: str) -> None:
    """Weights and running statistics, also after looking at validation images."""
    network, settings = initialised(SHAPE, 0), starting_from(saved, freeze)
    apply_initial(network, settings)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    train(network, noise(6), settings, epoch_steps=2, validation=noise(2))
    parts = {"encoder": network.encoder_parts, "decoder": network.decoder_parts}
    for part, names in parts.items():
        old = {name: before[name] for name in of_part(network, names)}
        changed = [name for name, tensor in of_part(network, names).items() if not torch.equal(tensor, old[name])]
        assert len(old) > 5 and len(changed) == (0 if part == freeze else len(old)), part


def test_initial_weights_that_changed_are_refused(saved: Path, tmp_path: Path) -> None:
    save_weights(initialised(SHAPE, 1), tmp_path / "weights.safetensors")
    settings = starting_from(tmp_path)
    save_weights(initialised(SHAPE, 2), tmp_path / "weights.safetensors")
    with pytest.raises(InputError, match="not the file that was recorded: sha256 .*restore it"):
        apply_initial(initialised(SHAPE, 0), settings)
    with pytest.raises(DamagedError, match="can't be read"):
        apply_initial(initialised(CompactUNetSettings(widths=(4,), stem=2), 0), starting_from(saved))


def test_initial_weights_are_tried_before_anything_is_trained(saved: Path) -> None:
    settings = starting_from(saved)
    require_initial(SHAPE, settings)
    require_initial(CompactUNetSettings(widths=(4,), stem=2), settings_for(2))
    told = (
        r"weights.safetensors: weights can't be read: they are of a network of another shape \(.* is .*, not .*\); give"
    )
    with pytest.raises(InputError, match=told) as caught:
        require_initial(CompactUNetSettings(widths=(4,), stem=2), settings)
    assert "\n" not in str(caught.value)


def test_initial_weights_that_are_not_there_are_refused(tmp_path: Path) -> None:
    for where in ("nowhere", ""):
        with pytest.raises(InputError, match="cannot read the initial weights .*give the folder of a trained network"):
            starting_from(tmp_path / where)


def test_identity_knows_initial_weights_by_their_content(saved: Path, tmp_path: Path) -> None:
    (tmp_path / "copy.safetensors").write_bytes((saved / "weights.safetensors").read_bytes())
    one, copy = (starting_from(path).identity() for path in (saved, tmp_path / "copy.safetensors"))
    assert one == copy
    assert one != starting_from(saved, "encoder").identity()
    assert one != settings_for(6).identity()
