"""Weights on disk: exact round trips, and files of any other kind refused."""

from pathlib import Path

import pytest
import safetensors.torch
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from temshift.core.errors import DamagedError, InputError
from temshift.networks import CompactUNet, CompactUNetSettings, initialised, load_weights, read_weights, save_weights
from temshift.networks.weights import weights_bytes

SHAPE = CompactUNetSettings(widths=(4, 6), stem=2)
IMAGES = torch.randn(2, 1, 16, 16, generator=torch.Generator().manual_seed(0))
shared_folder = settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])


def network_after_some_images(seed: int = 0) -> CompactUNet:
    """A network whose running statistics have moved."""
    network = initialised(SHAPE, seed)
    network(3 * IMAGES + 1)
    return network


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    save_weights(network_after_some_images(), tmp_path / "weights.safetensors")
    return tmp_path / "weights.safetensors"


def load(path: Path) -> CompactUNet:
    network = initialised(SHAPE, 1)
    load_weights(network, path)
    return network


def test_weights_and_running_statistics_come_back_exactly(stored: Path) -> None:
    made, found = network_after_some_images(), load(stored)
    expected, got = made.state_dict(), found.state_dict()
    assert expected.keys() == got.keys()
    assert all(torch.equal(expected[name], got[name]) and expected[name].dtype == got[name].dtype for name in expected)
    assert int(got["enter.1.num_batches_tracked"]) == 1
    with torch.inference_mode():
        assert torch.equal(found(IMAGES), made.eval()(IMAGES))
    assert not found.training


def test_the_file_holds_what_any_reader_of_safetensors_finds(stored: Path) -> None:
    theirs = safetensors.torch.load_file(stored)
    ours = network_after_some_images().state_dict()
    assert theirs.keys() == ours.keys()
    assert all(torch.equal(theirs[name], ours[name]) for name in ours)


def test_saving_replaces_a_file_whole_and_leaves_nothing_beside_it(stored: Path) -> None:
    save_weights(network_after_some_images(7), stored)
    assert torch.equal(load(stored).leave.weight, initialised(SHAPE, 7).leave.weight)
    assert [path.name for path in stored.parent.iterdir()] == [stored.name]


@shared_folder
@given(st.floats(0, 1, exclude_max=True))
def test_a_truncated_file_is_refused(stored: Path, share: float) -> None:
    data = stored.read_bytes()
    short = stored.with_name("short.safetensors")
    short.write_bytes(data[: int(share * len(data))])
    with pytest.raises(DamagedError, match="short.safetensors"):
        load(short)


@shared_folder
@given(st.data())
def test_an_altered_header_is_refused(stored: Path, data: st.DataObject) -> None:
    content = bytearray(stored.read_bytes())
    header = int.from_bytes(content[:8], "little")
    place = data.draw(st.integers(8, 7 + header).filter(lambda n: chr(content[n]).isalnum()))
    content[place] ^= 0x80
    altered = stored.with_name("altered.safetensors")
    altered.write_bytes(bytes(content))
    with pytest.raises(DamagedError, match="altered.safetensors"):
        load(altered)


def test_altered_weights_are_refused(stored: Path) -> None:
    content = bytearray(stored.read_bytes())
    content[-100] ^= 0x40
    stored.write_bytes(bytes(content))
    with pytest.raises(DamagedError):
        load(stored)


@pytest.mark.parametrize("content", [b"", b"\x00" * 100, b"{}", b"\x80"])
def test_a_file_of_another_kind_is_refused(stored: Path, content: bytes) -> None:
    stored.write_bytes(content)
    with pytest.raises(DamagedError):
        load(stored)


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("name", ["weights.safetensors", "weights.pt"])
def test_a_pickle_is_refused_unread_whatever_its_name(tmp_path: Path, name: str, legacy: bool) -> None:
    state = network_after_some_images().state_dict()
    torch.save(state, tmp_path / name, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(InputError, match=f"{name} is a pickle.*give weights as safetensors"):
        read_weights(tmp_path / name)


def test_the_content_is_the_same_for_every_memory_format(stored: Path) -> None:
    state = network_after_some_images().state_dict()
    flat = {name: tensor.clone(memory_format=torch.contiguous_format) for name, tensor in state.items()}
    assert weights_bytes(state) == weights_bytes(flat) == stored.read_bytes()


def test_read_weights_are_the_state_of_the_network(stored: Path) -> None:
    expected, found = network_after_some_images().state_dict(), read_weights(stored)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in found)


@pytest.mark.parametrize("widths", [(4, 7), (4,), (4, 6, 8)])
def test_weights_of_another_shape_are_refused(stored: Path, widths: tuple[int, ...]) -> None:
    network = initialised(CompactUNetSettings(widths=widths, stem=2), 0)
    with pytest.raises(DamagedError, match="can't be read"):
        load_weights(network, stored)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DamagedError, match="nowhere"):
        load(tmp_path / "nowhere.safetensors")
