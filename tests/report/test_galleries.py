import base64
import io
import json
import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from synthetic_pictures import arrays, write_part, write_pictures

from temshift.core.errors import DamagedError
from temshift.figures.encoding import CODINGS, Coding, fitting
from temshift.figures.pictures import binned, outline, short_outline, standardised_again, webp
from temshift.report import load_study, write_report
from temshift.report.data.galleries import Gallery, load_galleries
from temshift.report.page.gallery_page import MOST_BYTES, MOST_OF_ALL, page_galleries, room_beside
from temshift.report.page.markup import embedded_json
from temshift.storage.files import read_json, write_json

TESTS = tuple(f"defocus {defocus} nm" for defocus in range(-10, 11, 2))
NETWORKS = ("defocus -20 nm", "broad")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_pictures(tmp_path, TESTS, NETWORKS)
    return tmp_path


@pytest.fixture
def gallery(folder: Path) -> Gallery:
    (gallery,) = load_galleries(folder)
    return gallery


def outlines_of(page: dict[str, Any]) -> list[str]:
    return zlib.decompress(base64.b64decode(page["outlines"])).decode("ascii").split("\n")


def points(path: str) -> np.ndarray[Any, Any]:
    """Corners of an outline of one line in pixels, from its relative steps."""
    start, steps = re.fullmatch(r"M(\S+ \S+?)l(.*?)z?", path).groups()  # type: ignore[union-attr]
    numbers = [int(number) for number in re.findall(r"-?\d+", f"{start} {steps}")]
    return np.cumsum(np.reshape(numbers, (-1, 2)), axis=0) / 10


def test_parts_are_joined_in_order(gallery: Gallery) -> None:
    assert gallery.conditions == TESTS
    assert gallery.networks == NETWORKS
    assert gallery.levels.shape == gallery.masks.shape == (2, 11, 48, 48)
    assert gallery.probabilities.shape == (2, 2, 11, 48, 48)
    assert gallery.overlaps.shape == (2, 2, 11)
    assert (gallery.pixel, gallery.binned, gallery.of) == (0.8, 2, 11)


def test_a_study_of_before_has_no_pictures(tmp_path: Path) -> None:
    assert load_galleries(tmp_path) == ()
    page = page_galleries(())
    assert page["sets"] == []
    assert outlines_of(page) == [""]


@pytest.mark.parametrize("kind", ["json", "npz"])
@pytest.mark.parametrize("damage", ["missing", "truncated", "altered"])
def test_damaged_parts_are_named(folder: Path, kind: str, damage: str) -> None:
    path = folder / "pictures" / f"part-4.{kind}"
    content = bytearray(path.read_bytes())
    if damage == "missing":
        path.unlink()
    elif damage == "truncated":
        path.write_bytes(content[: len(content) // 2])
    else:
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    with pytest.raises(DamagedError, match=r"part-4\.(json|npz)"):
        load_galleries(folder)


@pytest.mark.parametrize("text", ['{"sets": [{"label": 1}]}', "{}", "[", '{"sets": [{"label": "", "parts": 4}]}'])
def test_a_damaged_index_is_named(folder: Path, text: str) -> None:
    (folder / "pictures.json").write_text(text)
    with pytest.raises(DamagedError, match=r"pictures\.json is damaged"):
        load_galleries(folder)


def test_shapes_that_do_not_fit_the_names_are_refused(folder: Path) -> None:
    facts = read_json(folder / "pictures" / "part-0.json")["facts"]
    write_part(folder, "part-0", facts, arrays(np.random.default_rng(0), 2, 2, 3, 48))
    with pytest.raises(DamagedError, match=r"part-0\.json is damaged: levels has shape \(2, 3, 48, 48\)"):
        load_galleries(folder)


def test_parts_of_different_specimens_are_refused(folder: Path) -> None:
    facts = read_json(folder / "pictures" / "part-0.json")["facts"]
    changed = {**facts, "networks": ["another", "broad"]}
    write_part(folder, "part-0", changed, arrays(np.random.default_rng(0), 2, 2, 4, 48))
    with pytest.raises(DamagedError, match="different specimens, networks or pixels"):
        load_galleries(folder)


def test_the_report_names_the_remedy(own_folder: Path) -> None:
    write_pictures(own_folder / "examples", TESTS, NETWORKS)
    (own_folder / "examples" / "pictures" / "part-0.npz").unlink()
    with pytest.raises(DamagedError, match=r"part-0\.npz.*run `temshift run` again"):
        write_report(own_folder)


def test_pictures_come_back_without_loss_where_there_is_room(gallery: Gallery) -> None:
    page = page_galleries([gallery])
    (found,) = page["sets"]
    assert found["kind"] == "image/webp"
    assert [entry["name"] for entry in found["conditions"]] == list(TESTS)
    image = Image.open(io.BytesIO(base64.b64decode(found["conditions"][3]["pictures"][1])))
    np.testing.assert_array_equal(np.asarray(image.convert("L")), gallery.levels[1, 3])
    assert page["words"] == (
        "All test conditions, 2 specimens each: the very images that networks are scored on, "
        "2 × 2 pixels averaged to one (WebP, without loss)."
    )
    assert found["bar"]["width"] == pytest.approx(
        10 / 0.8
    )  # 1 nm, the longest round length under two fifths of 3.84 nm
    assert (found["bar_words"], found["pixel_words"]) == ("1 nm", "0.8 Å")


def test_outlines_and_overlaps_are_those_of_the_gallery(gallery: Gallery) -> None:
    page = page_galleries([gallery])
    entry, paths = page["sets"][0]["conditions"][4], outlines_of(page)
    assert paths[entry["truth"][0]] == short_outline(gallery.masks[0, 4])
    assert [paths[number] for number in entry["predicted"][1]] == [
        short_outline(gallery.probabilities[1, specimen, 4], 127.5) for specimen in range(2)
    ]
    assert entry["overlaps"] == [[None, 0.75], [None, 0.75]]
    assert len(set(paths)) == len(paths)


@pytest.mark.parametrize("most", [150_000, 90_000, 45_000, 20_000, 9_000])
def test_a_page_keeps_to_its_room(gallery: Gallery, most: int) -> None:
    page = page_galleries([gallery], most)
    assert len(embedded_json(page).encode()) <= most


def test_less_room_costs_quality_then_specimens_then_conditions(gallery: Gallery) -> None:
    pages = [page_galleries([gallery], most) for most in (100_000, 50_000, 25_000, 9_000)]
    assert ["without loss" in page["words"] for page in pages] == [True, False, False, False]
    shown = [(len(page["sets"][0]["specimens"]), len(page["sets"][0]["conditions"])) for page in pages]
    assert shown[:3] == [(2, 11), (2, 11), (1, 11)]
    assert shown[3][0] == 1
    assert 1 <= shown[3][1] < 11
    assert f"Pictures of {shown[3][1]} of 11 test conditions, evenly thinned, 1 specimen each" in pages[3]["words"]
    first, last = pages[3]["sets"][0]["conditions"][0], pages[3]["sets"][0]["conditions"][-1]
    assert first["name"] == TESTS[0]
    assert shown[3][1] == 1 or last["name"] == TESTS[-1]


def test_one_picture_is_shown_even_without_room(gallery: Gallery) -> None:
    page = page_galleries([gallery], 10)
    assert [len(one["conditions"]) for one in page["sets"]] == [1]


def test_names_are_data_and_nothing_else(tmp_path: Path) -> None:
    hostile = "</script><script>alert(1)</script>"
    write_pictures(tmp_path, [hostile], ["<b>"])
    text = embedded_json(page_galleries(load_galleries(tmp_path)))
    assert "<" not in text
    assert json.loads(text)["sets"][0]["conditions"][0]["name"] == hostile


def test_a_network_without_pictures_leaves_the_others(tmp_path: Path) -> None:
    write_pictures(tmp_path, TESTS[:3], [])
    (found,) = page_galleries(load_galleries(tmp_path))["sets"]
    assert found["networks"] == ()
    assert found["conditions"][0]["predicted"] == []


def test_galleries_leave_room_for_what_stands_in_the_page() -> None:
    assert room_beside(["", "a"]) == MOST_BYTES
    assert room_beside(["a" * 2_000_000, "b" * 500_000]) == MOST_OF_ALL - 2_500_000


def test_a_short_outline_is_the_outline_to_half_a_pixel() -> None:
    y, x = np.mgrid[:64, :64]
    field = 1 / (1 + np.exp(np.hypot(y - 30, x - 34) - 17))
    path = short_outline(field)
    assert len(path) < 0.6 * len(outline(field))
    distance = np.hypot(*(points(path) - (34.5, 30.5)).T)
    np.testing.assert_allclose(distance, 17, atol=0.5)
    assert path.endswith("z")


def test_a_short_outline_of_a_square_has_its_corners() -> None:
    mask = np.zeros((20, 20))
    mask[4:14, 6:16] = 1
    found = points(short_outline(mask))
    np.testing.assert_allclose(found.min(axis=0), (6, 4), atol=0.11)
    np.testing.assert_allclose(found.max(axis=0), (16, 14), atol=0.11)
    assert short_outline(np.zeros((8, 8))) == ""


def test_binning_averages_whole_blocks() -> None:
    values = np.arange(2 * 5 * 7, dtype=float).reshape(2, 5, 7)
    found = binned(values, 2)
    assert found.shape == (2, 2, 3)
    assert found[1, 1, 2] == pytest.approx(values[1, 2:4, 4:6].mean())
    np.testing.assert_array_equal(binned(values, 1), values)


def test_images_are_brought_to_mean_0_and_variance_1() -> None:
    found = standardised_again(np.random.default_rng(0).normal(3, 7, (2, 9, 8)))
    np.testing.assert_allclose(found.mean(axis=(1, 2)), 0, atol=1e-12)
    np.testing.assert_allclose(found.std(axis=(1, 2)), 1)
    assert not standardised_again(np.full((3, 3), 4.0)).any()


def test_webp_errs_less_the_higher_its_quality() -> None:
    levels = np.random.default_rng(2).integers(60, 196, (64, 64)).astype(np.uint8)
    decoded = [np.asarray(Image.open(io.BytesIO(webp(levels, quality))).convert("L")) for quality in (10, 80)]
    errors = [float(np.sqrt(np.mean((one.astype(float) - levels) ** 2))) for one in decoded]
    assert errors[1] < errors[0]
    assert errors[1] < 8
    assert len(webp(levels, 10)) < len(webp(levels, 80))


def test_the_best_coding_that_fits_is_taken() -> None:
    samples = [np.random.default_rng(3).integers(0, 256, (64, 64)).astype(np.uint8)]
    assert fitting(samples, 10, 1e6) == Coding(None)
    assert fitting(samples, 10, 10) == CODINGS[-1]
    exact = 4 / 3 * len(Coding(80).encoded(samples[0])) + 5
    assert fitting(samples, 1, exact) == Coding(80)


def test_the_study_holds_its_galleries(own_folder: Path) -> None:
    write_pictures(own_folder / "examples", TESTS, NETWORKS, label="crystal Ag")
    assert [gallery.label for gallery in load_study(own_folder).galleries] == ["crystal Ag"]
    write_json(own_folder / "examples" / "pictures.json", {"sets": []})
    assert load_study(own_folder).galleries == ()
