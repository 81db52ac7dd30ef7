"""The probe: chance where nothing is transferred, better where something is, directed; windows against a plain sum."""

import numpy as np
import pytest
from numpy.typing import NDArray

from temshift.core.errors import InputError
from temshift.information.observers.probe import Patches, fit_probe, image_patches
from temshift.information.transfer.window_spectra import frequency_rings, hann_window, ring_members

PIXEL = 0.4
BAND = 0.6
SIZE = 96

Array = NDArray[np.float64]
Masks = NDArray[np.bool_]


def textured(seed: int, gain: float, centre: float = 0.3, images: int = 24, share: float = 0.5) -> tuple[Array, Masks]:
    """White noise; on one side of each image a texture of spatial frequencies around ``centre`` as well."""
    draws = np.random.default_rng(seed)
    q = np.hypot(*np.meshgrid(*2 * [np.fft.fftfreq(SIZE, PIXEL)]))
    noise, texture = draws.normal(size=(2, images, SIZE, SIZE))
    texture = np.fft.ifft2(np.fft.fft2(texture) * np.exp(-(((q - centre) / 0.05) ** 2) / 2)).real
    masks = np.zeros((images, SIZE, SIZE), bool)
    masks[:, :, : round(16 + share * (SIZE - 31))] = True  # of the middles of windows
    return noise + gain * masks * texture, masks


def patches(seed: int, gain: float, *, count: int = 1200, **options: float) -> Patches:
    return image_patches(*textured(seed, gain, **options), PIXEL, BAND, count=count, seed=seed)


@pytest.mark.parametrize(("share", "entropy"), [(0.5, np.log(2)), (0.2, 0.5004)])
def test_where_nothing_is_transferred_the_loss_is_that_of_chance(share: float, entropy: float) -> None:
    """Ln 2 where particles fill half of the image; in general the entropy of their share."""
    probe = fit_probe(patches(0, 0.0, share=share))
    for name, found in probe.score(patches(1, 0.0, share=share)).items():
        assert found.cross_entropy == pytest.approx(entropy, abs=0.03), name


def test_what_can_be_told_apart_is() -> None:
    scored = fit_probe(patches(0, 6.0)).score(patches(1, 6.0))
    assert list(scored) == ["linear", "forest", "both"]
    for found in scored.values():
        assert found.cross_entropy < 0.25
        assert found.f1 > 0.9
    between = scored["linear"].cross_entropy * scored["forest"].cross_entropy
    assert scored["both"].cross_entropy == pytest.approx(np.sqrt(between))


def test_the_loss_falls_with_what_is_transferred() -> None:
    losses = [fit_probe(patches(0, gain), ["linear"]).score(patches(1, gain))["linear"] for gain in (0.5, 1.5, 4.5)]
    assert np.all(np.diff([one.cross_entropy for one in losses]) < -0.05)


def test_a_probe_goes_one_way() -> None:
    """Who learnt from a strong texture misses a weak one; who learnt from a weak one finds a strong one."""
    strong, weak = patches(0, 6.0), patches(1, 1.5)
    forth, back = fit_probe(strong, ["linear"]).score(weak), fit_probe(weak, ["linear"]).score(strong)
    assert forth["linear"].cross_entropy > 2 * back["linear"].cross_entropy


def test_a_probe_of_other_frequencies_learnt_nothing_for_these() -> None:
    there, elsewhere = (fit_probe(patches(0, 6.0, centre=q), ["forest"]).score(patches(1, 6.0)) for q in (0.3, 0.55))
    assert elsewhere["forest"].cross_entropy > 0.5 > there["forest"].cross_entropy


def test_windows_are_those_of_a_plain_sum() -> None:
    """The ring powers of one window that a mask of one pixel leaves no choice of, summed frequency by frequency."""
    images, masks = np.random.default_rng(0).normal(2.0, 3.0, (1, 40, 48)), np.zeros((1, 40, 48), bool)
    masks[0, 19, 27] = True
    found = image_patches(images, masks, PIXEL, BAND, count=2)
    image = (images[0] - images[0].mean()) / images[0].std()
    window = image[19 - 16 : 19 + 16, 27 - 16 : 27 + 16] * hann_window(32)
    phases = np.exp(-2j * np.pi * np.outer(np.arange(32), np.arange(32)) / 32)
    power = np.abs(phases @ window @ phases.T) ** 2 / 32**2
    rings = [power[member].mean() for member in ring_members(32, PIXEL, frequency_rings(BAND, 0.5 / PIXEL))]
    np.testing.assert_allclose(found.powers[found.labels == 1], [rings], rtol=1e-10)


def test_weights_make_kinds_as_frequent_as_in_the_images() -> None:
    found = patches(0, 1.0, share=0.2)
    assert found.labels.mean() == 0.5
    assert np.average(found.labels, weights=found.weights) == pytest.approx(0.2, abs=0.01)
    assert found.weights.mean() == pytest.approx(1)


def test_the_error_is_the_scatter_over_sets_of_images() -> None:
    probe = fit_probe(patches(0, 2.0), ["linear"])
    scored = [probe.score(patches(seed, 2.0, images=8, count=400))["linear"] for seed in range(1, 31)]
    scatter = np.std([np.log(one.cross_entropy) for one in scored])
    assert np.mean([one.ln_error for one in scored]) == pytest.approx(scatter, rel=0.35)


def test_scale_and_offset_do_not_count_and_places_repeat() -> None:
    images, masks = textured(0, 2.0, images=4)
    one, other = (image_patches(each, masks, PIXEL, BAND, count=50) for each in (images, 1e4 * images - 300))
    np.testing.assert_allclose(one.powers, other.powers, rtol=1e-8)
    np.testing.assert_array_equal(one.images, other.images)


def test_one_image_tells_no_error() -> None:
    scored = fit_probe(patches(0, 2.0), ["linear"]).score(patches(1, 2.0, images=1))
    assert np.isnan(scored["linear"].ln_error)


IMAGES, MASKS = textured(0, 1.0, images=3)
NOT_FINITE = IMAGES.copy()
NOT_FINITE[0, 0, 0] = np.inf


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"images": NOT_FINITE}, "1 of 3 images have pixels that are not finite, such as number 0"),
        ({"images": np.ones_like(IMAGES)}, "3 of 3 images have no contrast"),
        ({"masks": MASKS[:2]}, r"masks have the shape \(2, 96, 96\), images \(3, 96, 96\); give a mask of each image"),
        ({"masks": np.zeros_like(MASKS)}, "masks are of one kind wherever a window fits"),
        ({"masks": np.ones_like(MASKS)}, "masks are of one kind wherever a window fits"),
        ({"images": IMAGES[:, :20], "masks": MASKS[:, :20]}, r"\(20, 96\) pixels are smaller than a window of 32"),
        ({"highest": 2.0}, "highest = 2 1/A; pixels of 0.4 A hold above 0 and up to 1.25 1/A"),
        ({"count": 1}, "count = 1; at least 2 patches"),
    ],
)
def test_what_cannot_be_probed_is_refused(given: dict[str, object], told: str) -> None:
    values = {"images": IMAGES, "masks": MASKS, "pixel": PIXEL, "highest": BAND, **given}
    with pytest.raises(InputError, match=told):
        image_patches(**values)  # type: ignore[arg-type]
