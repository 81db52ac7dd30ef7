"""The folder of one network: it comes back as it was, or tells why it cannot."""

import json
import os
import shutil
from pathlib import Path

import polars as pl
import pytest
import torch
from torch import Tensor

from temshift.core.errors import DamagedError, InputError
from temshift.networks import (
    CompactUNetSettings,
    NetworkSettings,
    ResNetUNetSettings,
    UNet,
    initialised,
    load,
    read_card,
    write_network,
)
from temshift.storage.files import read_table
from temshift.storage.records import record_state, write_record

COMPACT = CompactUNetSettings(widths=(4, 6), stem=2)
KINDS = [COMPACT, ResNetUNetSettings(width=8, normalisation="group")]
HISTORY = pl.DataFrame({"epoch": [1, 2], "cross_entropy": [0.7, 0.5]})
IMAGES = torch.randn(2, 1, 40, 33, generator=torch.Generator().manual_seed(0))


def used(settings: NetworkSettings, seed: int) -> UNet:
    """A network whose running statistics have moved."""
    network = initialised(settings, seed)
    network(3 * IMAGES + 1)
    return network


def card_of(settings: NetworkSettings) -> dict[str, object]:
    return {"id": "abc", "network": settings.model_dump(mode="json"), "seed": 3, "conditions": {"defocus_nm": 5.0}}


def write(place: Path, settings: NetworkSettings = COMPACT, names: tuple[str, ...] = ("weights", "last")) -> Path:
    states: dict[str, dict[str, Tensor]] = {
        name: used(settings, seed).state_dict() for seed, name in enumerate(names, start=1)
    }
    write_network(place, states, HISTORY, card_of(settings))
    return place


@pytest.mark.parametrize("settings", KINDS)
def test_a_network_comes_back_by_its_folder_its_card_or_its_weights(tmp_path: Path, settings: NetworkSettings) -> None:
    place = write(tmp_path / "network", settings)
    before = torch.random.get_rng_state()
    with torch.inference_mode():
        expected = [used(settings, seed).eval()(IMAGES) for seed in (1, 2)]
        for path in (place, place / "network.json", str(place / "weights.safetensors")):
            assert torch.equal(load(path)(IMAGES), expected[0])
        assert torch.equal(load(place / "last.safetensors")(IMAGES), expected[1])
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_loaded_network_is_ready_to_segment_and_to_train(tmp_path: Path) -> None:
    network = load(write(tmp_path / "network"))
    assert type(network) is type(initialised(COMPACT, 0))
    assert not any(module.training for module in network.modules())
    for name, tensor in [*network.named_parameters(), *network.named_buffers()]:
        assert tensor.device.type == "cpu", name
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert network.enter[0].weight.is_contiguous(memory_format=torch.channels_last)
    network.train()(IMAGES).mean().backward()
    assert network.enter[0].weight.grad is not None


def test_the_card_and_the_history_come_back_and_everything_is_sealed(tmp_path: Path) -> None:
    place = write(tmp_path / "network")
    for path in (place, place / "network.json", place / "last.safetensors"):
        assert read_card(path) == card_of(COMPACT)
    assert read_table(place / "history.parquet").equals(HISTORY)
    assert record_state(place / "network.json").state == "complete"
    assert {path.name for path in place.iterdir()} == {
        "weights.safetensors",
        "last.safetensors",
        "history.parquet",
        "network.json",
    }


def test_card_and_weights_suffice(tmp_path: Path) -> None:
    """Whoever is sent a network needs no history."""
    place = write(tmp_path / "network")
    sent = tmp_path / "sent"
    sent.mkdir()
    for name in ("network.json", "weights.safetensors"):
        shutil.copy(place / name, sent / name)
    with torch.inference_mode():
        assert torch.equal(load(sent)(IMAGES), load(place)(IMAGES))


def test_weights_that_were_not_kept_are_told(tmp_path: Path) -> None:
    place = write(tmp_path / "network", names=())
    assert read_card(place)["seed"] == 3
    with pytest.raises(InputError, match=r"does not name weights.safetensors; it names history.parquet; .*keep: last"):
        load(place)


@pytest.mark.parametrize("name", ["weights.pt", "model.PTH", "best.ckpt", "weights.pkl"])
def test_a_pickle_is_refused_with_the_remedy(tmp_path: Path, name: str) -> None:
    place = write(tmp_path / "network")
    torch.save({}, place / name)
    for reader in (load, read_card):
        with pytest.raises(InputError, match="is a pickle.*safetensors.*ONNX"):
            reader(place / name)


def test_where_there_is_no_network_it_is_told_what_to_name(tmp_path: Path) -> None:
    place = write(tmp_path / "network")
    with pytest.raises(InputError, match=r"nowhere does not exist; name the folder of one network"):
        load(tmp_path / "nowhere")
    with pytest.raises(InputError, match=rf"{tmp_path} holds no network.json; name the folder"):
        load(tmp_path)
    shutil.copy(place / "weights.safetensors", tmp_path / "weights.safetensors")
    with pytest.raises(InputError, match="holds no network.json"):
        load(tmp_path / "weights.safetensors")


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    """Both files are sound, and belong to different records."""
    one, other = write(tmp_path / "one"), write(tmp_path / "other", names=("last", "weights"))
    shutil.copy(other / "weights.safetensors", one / "weights.safetensors")
    with pytest.raises(DamagedError, match="weights.safetensors is damaged: altered content"):
        load(one)


@pytest.mark.parametrize("name", ["weights.safetensors", "network.json"])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_truncated_file_is_noticed(tmp_path: Path, name: str, share: float) -> None:
    file = write(tmp_path / "network") / name
    content = file.read_bytes()
    file.write_bytes(content[: int(share * len(content))])
    with pytest.raises(DamagedError, match=f"{name} is damaged"):
        load(file.parent)


def test_a_card_that_was_altered_is_noticed(tmp_path: Path) -> None:
    file = write(tmp_path / "network") / "network.json"
    content = json.loads(file.read_text())
    content["facts"]["seed"] = 4
    file.write_text(json.dumps(content))
    for reader in (load, read_card):
        with pytest.raises(DamagedError, match="it was altered"):
            reader(file)


@pytest.mark.parametrize(
    ("network", "error", "told"),
    [
        ({"kind": "vit"}, InputError, "network, .*vit.*load it with the version of temshift that wrote it"),
        ({"widths": [4, 6], "stem": 99}, InputError, "network, compact.stem: .*less than or equal to 8"),
        ({"widths": [4, 8], "stem": 2}, DamagedError, "weights.safetensors does not fit the network"),
        (None, InputError, "does not tell the shape of a network"),
    ],
)
def test_a_card_that_does_not_fit_is_told(tmp_path: Path, network: object, error: type[Exception], told: str) -> None:
    place = write(tmp_path / "network")
    facts = {} if network is None else {"network": network}
    write_record(place / "network.json", [place / "weights.safetensors"], facts)
    with pytest.raises(error, match=told):
        load(place)


def test_a_card_of_before_there_were_kinds_is_the_compact_network(tmp_path: Path) -> None:
    place = write(tmp_path / "network")
    write_record(place / "network.json", [place / "weights.safetensors"], {"network": {"widths": [4, 6], "stem": 2}})
    with torch.inference_mode():
        assert torch.equal(load(place)(IMAGES), used(COMPACT, 1).eval()(IMAGES))


def test_only_known_states_and_a_card_with_a_shape_are_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="states: given best; allowed: weights, last"):
        write_network(tmp_path / "a", {"best": {}}, HISTORY, card_of(COMPACT))
    with pytest.raises(ValueError, match="card: given id; the shape of the network is missing"):
        write_network(tmp_path / "a", {}, HISTORY, {"id": "abc"})
    assert not (tmp_path / "a").exists()


def test_a_network_without_a_card_is_not_there_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed before the card is in its place: everything else may be there."""
    replace = os.replace

    def killed(source: Path, target: Path) -> None:
        if Path(target).name == "network.json":
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "network")
    assert (tmp_path / "network" / "weights.safetensors").exists()
    with pytest.raises(InputError, match="holds no network.json"):
        load(tmp_path / "network")
