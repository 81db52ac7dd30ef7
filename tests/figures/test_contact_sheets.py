"""Contact sheets: atoms where they are, in their colours, and grey pictures with their masks."""

import io

import numpy as np
import pytest
from ase import Atoms
from ase.data.colors import jmol_colors
from matplotlib.figure import Figure

from temshift.core.errors import InputError
from temshift.figures.atoms import along_beam, colours_of, from_the_side
from temshift.figures.contact_sheets import image_sheet, specimen_sheet


def specimen(height: float = 16.0) -> Atoms:
    """A carbon atom at (5, 5, 2), a gold one above it and one across the border at x = 0."""
    atoms = Atoms("CAuAuC", [[5, 5, 2], [5, 5, 10], [0.1, 15, 10], [15, 10, 2]], cell=[20, 20, height])
    atoms.arrays["particle"] = np.array([-1, 0, 0, -1], dtype=np.int16)
    atoms.info["particles"] = [{"crystal": "Au", "radius_angstrom": 8.0}]
    atoms.info["substrate_thickness_angstrom"] = 25.0
    return atoms


def at(view, x: float, y: float) -> np.ndarray:
    """The colour of the place x, y [A] of a view."""
    rows, columns = view.picture.shape[:2]
    return view.picture[int(y / view.extent[1] * rows), int(x / view.extent[0] * columns)]


def hue(colour: np.ndarray) -> np.ndarray:
    return colour / colour.max()


def png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def test_along_the_beam_particles_lie_over_the_substrate_and_across_the_border():
    view = along_beam(specimen())
    assert view.extent == (20.0, 20.0)
    for x in (5.0, 0.3, 19.6):  # the last is the ball of x = 0.1 on the other side
        y = 5.0 if x == 5.0 else 15.0
        assert hue(at(view, x, y)) == pytest.approx(hue(jmol_colors[79]), abs=0.02)
    assert at(view, 15.0, 10.0) == pytest.approx(colours_of(specimen())[3], abs=0.02)
    assert at(view, 10.0, 18.0) == pytest.approx(1.0)  # nothing there


def test_from_the_side_height_is_z():
    view = from_the_side(specimen())
    assert view.extent == (20.0, 16.0)
    assert hue(at(view, 5.0, 10.0)) == pytest.approx(hue(jmol_colors[79]), abs=0.02)
    assert at(view, 5.0, 2.0) == pytest.approx(colours_of(specimen())[0], abs=0.02)
    assert at(view, 5.0, 6.0) == pytest.approx(1.0)


def test_balls_are_round_and_darker_at_the_rim():
    view = along_beam(specimen())
    gold = np.abs(view.picture - 1).max(axis=-1) > 0.5
    scale = view.picture.shape[0] / 20.0
    columns = np.flatnonzero(gold[int(5 * scale)])
    rows = np.flatnonzero(gold[:, int(5 * scale)])
    assert np.ptp(columns) == pytest.approx(np.ptp(rows), abs=2)
    assert at(view, 5.0 + 0.95 * np.ptp(columns) / 2 / scale, 5.0).max() < at(view, 5.0, 5.0).max() - 0.2


def test_the_substrate_is_paler_than_the_same_element_in_a_particle():
    atoms = specimen()
    atoms.numbers[:] = 6
    pale, strong = colours_of(atoms)[:2]
    assert pale.min() > strong.max() + 0.2


def test_a_sheet_of_specimens_numbers_and_names_them():
    other = specimen(30.0)
    other.info["particles"] = [{"crystal": "", "radius_angstrom": 4.0}, {"crystal": "Ag", "radius_angstrom": 6.0}]
    other.info["substrate_thickness_angstrom"] = 0.0
    figure = specimen_sheet([specimen(), other, specimen(), specimen(), specimen()], [7, 8, 9, 10, 20])
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles[0] == "7   Au, 1.6 nm on 2.5 nm C"
    assert titles[2] == "8   Au + Ag, 0.8-1.2 nm"
    assert len(figure.axes) == 10
    assert [axes.texts[0].get_text() for axes in figure.axes[::2]] == ["0.5 nm"] * 5
    for axes in figure.axes:  # every picture keeps its shape
        box, (width, height) = axes.get_position(), figure.get_size_inches()
        (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
        assert box.width * width / (box.height * height) == pytest.approx(abs((right - left) / (top - bottom)))
        assert box.y0 > 0
        assert box.y1 < 1
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["Au", "C, substrate"]


def test_the_same_specimens_give_the_same_picture():
    assert png(specimen_sheet([specimen()])) == png(specimen_sheet([specimen()]))


def test_no_specimens_are_refused():
    with pytest.raises(InputError, match="no specimens to draw"):
        specimen_sheet([])


def panels() -> list[list[np.ndarray]]:
    generator = np.random.default_rng(0)
    return [[generator.normal(size=(40, 50)) for _ in range(3)] for _ in range(2)]


def test_pictures_are_standardised_and_masks_outlined_in_real_space_alone():
    mask = np.zeros((40, 50))
    mask[10:20, 20:30] = 1
    figure = image_sheet(
        panels(), ["amplitude", "diffraction", "image"], [0.2, None, 0.4], [mask, mask * 0], ["a", "b"]
    )
    axes = np.array(figure.axes).reshape(2, 3)
    assert [one.get_title() for one in axes[0]] == ["amplitude", "diffraction", "image"]
    assert [one.get_ylabel() for one in axes[:, 0]] == ["a", "b"]
    assert [len(one.collections) for one in axes.ravel()] == [1, 0, 1, 0, 0, 0]
    assert [len(one.texts) for one in axes.ravel()] == [1, 0, 1, 1, 0, 1]
    assert axes[0, 0].images[0].get_extent() == pytest.approx([0, 10, 8, 0])
    assert axes[0, 2].images[0].get_extent() == pytest.approx([0, 20, 16, 0])
    (path,) = axes[0, 2].collections[0].get_paths()
    assert path.vertices.min(axis=0) == pytest.approx([8.0, 4.0], abs=0.3)
    assert path.vertices.max(axis=0) == pytest.approx([12.0, 8.0], abs=0.3)
    shown = axes[1, 1].images[0].get_array()
    assert shown.mean() == pytest.approx(127.5, abs=3)
    assert png(figure)


def test_an_even_picture_is_grey():
    figure = image_sheet([[np.full((8, 8), 3.0)]], ["even"], 1.0)
    assert (figure.axes[0].images[0].get_array() == 128).all()


@pytest.mark.parametrize(
    "change", [{"titles": ["a", "b"]}, {"masks": [np.zeros((40, 50))]}, {"names": ["a"]}, {"sampling_angstrom": [1.0]}]
)
def test_what_does_not_match_is_told(change):
    given = {"titles": ["a", "b", "c"], "sampling_angstrom": 1.0} | change
    with pytest.raises(InputError, match=r"panels have rows of \[3, 3\] pictures for .* give one for each"):
        image_sheet(panels(), **given)


@pytest.mark.parametrize(
    ("facts", "particle", "title"),
    [
        ({}, {}, "0   Au, 1.6 nm on 2.5 nm C"),
        ({"substrate_material": "silicon nitride"}, {}, "0   Au, 1.6 nm on 2.5 nm silicon nitride"),
        ({"particle_side": "entrance"}, {"shell_crystal": "Ag"}, "0   Au@Ag, 1.6 nm under 2.5 nm C"),
        ({"particle_side": "exit"}, {"crystal": "Au-Ag"}, "0   Au-Ag, 1.6 nm on 2.5 nm C"),
        ({"substrate_material": "none", "substrate_thickness_angstrom": 0.0}, {}, "0   Au, 1.6 nm"),
    ],
)
def test_titles_name_shells_supports_and_sides(facts, particle, title):
    atoms = specimen()
    atoms.info.update(facts)
    atoms.info["particles"] = [atoms.info["particles"][0] | particle]
    assert title in [axes.get_title(loc="left") for axes in specimen_sheet([atoms]).axes]
