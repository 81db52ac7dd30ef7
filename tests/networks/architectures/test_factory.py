"""Networks that a user's code makes: permission, import from one folder alone, identity, and the wrong shape."""

import functools
import pickle
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
from torch import nn

from temshift.configuration.model import Configuration, ConfigurationError, parse_configuration
from temshift.core.errors import InputError
from temshift.networks import (
    CompactUNetSettings,
    FactorySettings,
    NetworkSettings,
    build,
    factory_network,
    initialised,
    load,
    network_faults,
    network_identity,
    require_shape,
    with_code,
    write_network,
)
from temshift.networks.architectures.code import sources_of
from temshift.vocabulary.columns import HISTORY

IMPORTED = "imported.txt"
MINE = """
from pathlib import Path
import zoo_layers
from torch import nn

Path(__file__).with_name("imported.txt").touch()


def small(width=4):
    return nn.Sequential(zoo_layers.first(width), nn.BatchNorm2d(width), nn.Dropout(0.2), nn.Conv2d(width, 1, 1))


def two_channels():
    return nn.Conv2d(1, 2, 1)


def listing():
    class Listing(nn.Module):
        def forward(self, images):
            return [images]
    return Listing()


def nothing():
    return None


def failing():
    return 1 / 0


value = 3
"""
LAYERS = "from torch import nn\n\n\ndef first(width):\n    return nn.Conv2d(1, width, 3, padding=1)\n"
SMALL = FactorySettings(factory="zoo_mine:small", arguments={"width": 3})


class Holder(Configuration):
    network: NetworkSettings = CompactUNetSettings()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "zoo_mine.py").write_text(MINE)
    (folder / "zoo_layers.py").write_text(LAYERS)
    return folder


@pytest.fixture(autouse=True)
def _modules_are_forgotten() -> Any:
    yield
    for name in ("zoo_mine", "zoo_layers", "zoo_elsewhere"):
        sys.modules.pop(name, None)


def images() -> torch.Tensor:
    return torch.randn(2, 1, 20, 30, generator=torch.Generator().manual_seed(0))


def flat(width: int = 2) -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, width, 1), nn.Conv2d(width, 1, 1))


@pytest.mark.parametrize("factory", ["zoo_mine", "zoo mine:small", "zoo_mine:", "os.system('a'):b", "../zoo:small"])
def test_a_name_that_is_none_is_refused(factory: str) -> None:
    with pytest.raises(ConfigurationError, match="must be 'module:function', such as my_networks:small"):
        parse_configuration(f'network: {{kind: factory, factory: "{factory}"}}', Holder, "study.yaml")


def test_nothing_is_imported_without_permission(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    assert network_faults(SMALL, 2, (64, 64)) == []
    for act in (build, network_identity, lambda settings: require_shape(settings, (20, 30))):
        with pytest.raises(InputError, match="network.factory zoo_mine:small is code, .* give --allow-code FOLDER"):
            act(SMALL)
    assert not (folder / IMPORTED).exists()


def test_permission_reads_the_files_and_making_the_network_runs_them(folder: Path) -> None:
    permitted = with_code(SMALL, folder)
    assert not (folder / IMPORTED).exists()
    assert permitted.model_dump(mode="json") == {**SMALL.model_dump(mode="json"), "sha256": permitted.sha256}
    again = pickle.loads(pickle.dumps(permitted))  # as workers get it
    before, places = torch.random.get_rng_state(), list(sys.path)
    first, second = initialised(permitted, 5), initialised(again, 5)
    assert (folder / IMPORTED).exists() and not (folder / "__pycache__").exists()
    assert torch.equal(first(images()), second(images())) and first(images()).shape == (2, 1, 20, 30)
    assert torch.equal(torch.random.get_rng_state(), before) and sys.path == places
    assert sorted(first.made_by["files"]) == ["zoo_layers.py", "zoo_mine.py"]


def test_code_comes_from_the_folder_and_not_from_the_current_one(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    (folder / "zoo_layers.py").rename(tmp_path / "here" / "zoo_layers.py")
    (tmp_path / "here" / "zoo_elsewhere.py").write_text(MINE)
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.syspath_prepend("")
    with pytest.raises(InputError, match=r"importing zoo_mine failed \(ModuleNotFoundError: No module named 'zoo_lay"):
        build(with_code(SMALL, folder))
    with pytest.raises(InputError, match="holds no module zoo_elsewhere; name the folder of zoo_elsewhere.py"):
        with_code(FactorySettings(factory="zoo_elsewhere:small"), folder)
    with pytest.raises(InputError, match="is no folder; give the folder of zoo_mine.py"):
        with_code(SMALL, folder / "nowhere")


def test_a_name_that_is_taken_is_refused(folder: Path) -> None:
    (folder / "json.py").write_text(MINE)
    with pytest.raises(InputError, match="the name json is taken by .*; give the module in"):
        build(with_code(FactorySettings(factory="json:small"), folder))


def test_changed_code_is_another_network_and_is_noticed(folder: Path) -> None:
    before = with_code(SMALL, folder)
    assert build(before).body[0].kernel_size == (3, 3)
    (folder / "zoo_unused.py").write_text("import nothing")
    assert with_code(SMALL, folder).sha256 == before.sha256
    (folder / "zoo_layers.py").write_text(LAYERS.replace("3, padding=1", "5, padding=2"))
    after = with_code(SMALL, folder)
    assert network_identity(after) != network_identity(before)
    with pytest.raises(InputError, match="is not the code that was recorded; restore it"):
        build(before)
    with pytest.raises(InputError, match="is not the code that was recorded: .* restore it, or remove sha256"):
        with_code(before, folder)
    assert build(after).body[0].kernel_size == (5, 5)  # what was imported before is imported again


@pytest.mark.parametrize(
    ("factory", "fault"),
    [
        ("two_channels", r"its network gives a tensor \(2, 2, 20, 30\) .* a tensor \(2, 1, 20, 30\)"),
        ("listing", "TypeError: its output is a list, and must be one tensor of logits"),
        ("nothing", "makes a NoneType; it must return a torch.nn.Module"),
        ("failing", r"failed \(ZeroDivisionError: division by zero\); mend it"),
        ("missing", "zoo_mine has no missing; give the name of a function in it"),
        ("value", "is a int; give the name of a function"),
    ],
)
def test_a_factory_that_makes_something_else_is_refused(folder: Path, factory: str, fault: str) -> None:
    settings = with_code(FactorySettings(factory=f"zoo_mine:{factory}"), folder)
    with pytest.raises(InputError, match=fault):
        require_shape(settings, (20, 30))
    require_shape(with_code(SMALL, folder), (20, 30))


def test_a_stored_network_is_loaded_with_its_code_alone(folder: Path, tmp_path: Path) -> None:
    settings = with_code(SMALL, folder)
    network = initialised(settings, 1).eval()
    card = {"network": settings.model_dump(mode="json"), "source": network.made_by}
    write_network(tmp_path / "net", {"weights": network.state_dict()}, pl.DataFrame(schema=HISTORY), card)
    with pytest.raises(InputError, match="give --allow-code FOLDER"):
        load(tmp_path / "net")
    loaded = load(tmp_path / "net", code=folder)
    assert torch.equal(loaded(images()), network(images())) and loaded.made_by == network.made_by
    (folder / "zoo_mine.py").write_text(MINE + "\n# changed")
    with pytest.raises(InputError, match="is not the code that was recorded"):
        load(tmp_path / "net", code=folder)


def test_imports_are_followed_within_packages(tmp_path: Path) -> None:
    files = {
        "pack/__init__.py": "",
        "pack/nets.py": "from . import parts\nfrom .deep.layers import x\nimport torch.nn",
        "pack/parts.py": "import alone",
        "pack/deep/__init__.py": "",
        "pack/deep/layers.py": "from ..other import y",
        "pack/other.py": "",
        "pack/unused.py": "",
        "alone.py": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert set(sources_of(tmp_path, "pack.nets")) == files.keys() - {"pack/unused.py"}
    assert "alone.py" not in sources_of(tmp_path, "pack.nets", below="pack")


def test_from_python_a_function_stands_for_the_settings() -> None:
    """Its identity is the hash of this file, or the name that is given."""
    settings = Holder(network=functools.partial(flat, width=3)).network
    assert settings == factory_network(flat, width=3) and settings.arguments == {"width": 3}
    assert build(settings).body[0].out_channels == 3
    assert network_identity(settings)["sha256"] == settings.sha256
    named = factory_network(flat, name="flat 1", width=3)
    assert named.sha256 is None and "sha256" not in network_identity(named)
    assert network_identity(named) == network_identity(factory_network(flat, name="flat 1", width=3))
    assert network_identity(named) != network_identity(factory_network(flat, name="flat 2", width=3))


def test_functions_without_a_name_and_arguments_that_no_file_holds_are_refused() -> None:
    with pytest.raises(InputError, match="has no name; write the network's factory as a function"):
        factory_network(lambda: flat())
    with pytest.raises(InputError, match="must be plain JSON values"):
        factory_network(flat, width=torch.ones(1))
    with pytest.raises(InputError, match="has arguments without names; give them by keyword"):
        factory_network(functools.partial(flat, 3))
