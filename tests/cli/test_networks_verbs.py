"""temshift onnx from the command line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch

from temshift.networks import CompactUNetSettings, OnnxNetwork, initialised, load, write_network

pytestmark = pytest.mark.slow

SHAPE = CompactUNetSettings(widths=(4,), stem=2)


@pytest.fixture
def network(tmp_path: Path) -> Path:
    card = {"network": SHAPE.model_dump(mode="json")}
    write_network(tmp_path / "net", {"weights": initialised(SHAPE, 0).state_dict()}, pl.DataFrame({"epoch": [1]}), card)
    return tmp_path / "net"


def test_a_network_is_exported(temshift: Callable[..., Any], network: Path, tmp_path: Path) -> None:
    done = temshift("onnx", network, "--output", "new/net.onnx")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("new/net.onnx: 0.0 MB, images (n, 1, y, x) of any size to logits")
    assert done.stderr == ""
    images = torch.randn(2, 1, 9, 6, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert torch.allclose(OnnxNetwork(tmp_path / "new" / "net.onnx")(images), load(network)(images), atol=1e-5)


MISTAKES = {
    "nowhere": "nowhere does not exist; name the folder of one network",
    ".": "holds no network.json; name the folder of one network",
    "net/weights.pt": "is a pickle, which could run any program",
    "net/history.parquet": "weights can't be read",
}


@pytest.mark.parametrize("given", MISTAKES)
def test_a_mistake_is_told_and_nothing_is_written(
    temshift: Callable[..., Any], network: Path, tmp_path: Path, given: str
) -> None:
    (network / "weights.pt").touch()
    done = temshift("onnx", given, "-o", "net.onnx")
    assert done.returncode in (1, 2)
    assert MISTAKES[given] in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "net.onnx").exists()
