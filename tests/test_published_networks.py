"""The bench of published networks: their architecture, and the correlation of pixels that a first layer remembers.

``TEMSHIFT_PUBLISHED_NETWORKS`` may name a folder with the published weights and their check file.
"""

import os
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture(autouse=True)
def _importable(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    for name in ("published_unet", "first_layers"):
        monkeypatch.delitem(sys.modules, name, raising=False)


def smooth_images(count, side, seed):
    """White noise blurred over periodic images: a correlation that is known from the blur."""
    white = np.random.default_rng(seed).standard_normal((count, side, side))
    q = np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side), indexing="ij"))
    images = np.fft.ifft2(np.fft.fft2(white) * np.exp(-((q / 0.3) ** 2))).real
    return (images - images.mean((1, 2), keepdims=True)) / images.std((1, 2), keepdims=True)


def test_architecture_has_the_published_numbers():
    from published_unet import PublishedUNet

    network = PublishedUNet().eval()
    assert sum(value.numel() for value in network.state_dict().values()) == 131_436
    with torch.no_grad():
        assert network(torch.zeros(2, 1, 48, 64)).shape == (2, 2, 48, 64)


def test_weights_are_read_by_the_names_of_networks(tmp_path):
    from published_unet import PublishedUNet, published_unets

    torch.manual_seed(0)
    made = {name: PublishedUNet().eval() for name in ("ag_fold0", "cdse_fold3")}
    tensors = {
        f"{name}.{key}": value.contiguous() for name, each in made.items() for key, value in each.state_dict().items()
    }
    save_file(tensors, tmp_path / "weights.safetensors")
    read = published_unets(tmp_path / "weights.safetensors")
    images = torch.randn(1, 1, 32, 32)
    with torch.no_grad():
        assert {name: bool((read[name](images) == made[name](images)).all()) for name in made} == dict.fromkeys(
            made, True
        )


def test_published_weights_give_the_published_output():
    folder = os.environ.get("TEMSHIFT_PUBLISHED_NETWORKS")
    if not folder:
        pytest.skip("TEMSHIFT_PUBLISHED_NETWORKS names no folder with the published weights")
    from published_unet import published_unets

    check = np.load(Path(folder) / "check_cdse_fold0.npz")
    network = published_unets(Path(folder) / "published_unets.safetensors")["cdse_fold0"]
    with torch.no_grad():
        given = network(torch.from_numpy(check["images"])).numpy()
    np.testing.assert_allclose(given, check["two_class_output"], atol=1e-5)


def test_running_variances_give_the_correlation_of_the_images():
    from first_layers import correlation, measured_correlation
    from published_unet import PublishedUNet

    images = smooth_images(64, 96, seed=1)
    torch.manual_seed(3)
    networks = [PublishedUNet() for _ in range(5)]
    for network in networks:
        block = network.downs[0]
        block.bn1.momentum = None  # a plain mean over batches
        padded = torch.nn.functional.pad(torch.from_numpy(images)[:, None], (1, 1, 1, 1), mode="circular").float()
        with torch.no_grad():
            block.bn1(torch.nn.functional.conv2d(padded, block.conv1.weight, block.conv1.bias))
    measured = measured_correlation(networks)
    np.testing.assert_allclose(measured.correlation, correlation(images), atol=0.01)
    assert measured.misfit < 0.01
    assert correlation(images)[0] > 0.5  # far from white noise
