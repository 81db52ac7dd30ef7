"""Distributions that are drawn from a space: evenly, always the same, each with a centre and a breadth."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import qmc

from temshift.conditions import ConditionSets
from temshift.conditions.named import ConditionItem
from temshift.conditions.spaces.parameter_space import Space
from temshift.conditions.spaces.sequences import sobol_points
from temshift.configuration.yaml_document import read_document, write_document
from temshift.core.electrons import wavelength
from temshift.core.hashes import content_hash
from temshift.optics.limits import scherzer_defocus

SPACE: dict[str, Any] = {
    "parameters": {
        "dose_e_per_A2": {"center": {"loguniform": {"minimum": 20, "maximum": 2000}}, "sigma": 0.3},
        "C30_mm": {"center": {"uniform": {"minimum": 0.3, "maximum": 1.2}}},
    },
    "branches": [
        [
            {"defocus_nm": {"center": {"uniform": {"minimum": -30, "maximum": 30}}}},
            {"defocus_nm": {"center": {"uniform": {"minimum": -30, "maximum": 30}}, "scherzer_kev": 300}},
        ],
        [{}, {"defocus_nm": {"sd": {"loguniform": {"minimum": 0.5, "maximum": 15}}}}],
    ],
}


def sets(space: Any = SPACE, **draws: Any) -> ConditionSets:
    drawn = {"count": 16, "seed": 7} | draws
    items = {"training": [{"name": "t {value:g}", "drawn": drawn}], "test": [{"name": "t {value:g}", "drawn": drawn}]}
    return ConditionSets.model_validate(items | ({} if space is None else {"space": space}))


def test_the_same_draws_have_the_same_names_and_hashes_whatever_their_number() -> None:
    few, many = (dict(sets(count=count).resolved("training")) for count in (16, 40))
    assert list(few) == [f"t {number}" for number in range(1, 17)] == list(many)[:16]
    assert {name: content_hash(one) for name, one in few.items()} == {name: content_hash(many[name]) for name in few}
    assert len({content_hash(one) for one in many.values()}) == 40


def test_draws_stay_what_they_were_when_networks_were_named_after_them() -> None:
    """Networks of a long study are named by these numbers: if they change, its parts no longer join."""
    first = sets().resolved("training")[0][1]
    assert content_hash(first) == "4b68202d7bed378e"


def test_draws_from_a_number_on_go_on_where_the_first_ones_end() -> None:
    every, rest = sets(count=16).resolved("test"), sets(count=4, first=13).resolved("test")
    assert [(name, content_hash(one)) for name, one in every[12:]] == [(n, content_hash(one)) for n, one in rest]


def test_any_first_draws_take_every_branch_equally_often() -> None:
    space = Space.model_validate(SPACE)
    for count in (4, 8, 16, 64):
        points = sobol_points(len(space.dimensions), count, 7)
        broad = [space.at(point)["defocus_nm"].normal is not None for point in points]
        assert Counter(broad) == {True: count // 2, False: count // 2}
        corners = Counter(map(tuple, (points[:, :2] * 2).astype(int).tolist()))
        assert set(corners.values()) == {count // 4}


@settings(max_examples=25)
@given(st.integers(1, 8), st.integers(1, 70), st.integers(0, 2**63 - 1))
def test_points_fill_the_cube_more_evenly_than_chance(dimensions: int, count: int, seed: int) -> None:
    points = sobol_points(dimensions, count, seed)
    assert points.shape == (count, dimensions) and points.min() >= 0 and points.max() < 1
    if count >= 32:
        chance = [qmc.discrepancy(np.random.default_rng(n).random(points.shape)) for n in range(20)]
        assert qmc.discrepancy(points) < np.median(chance)


def test_focus_counts_from_scherzer_s_defocus_where_the_space_says_so() -> None:
    space = Space.model_validate(SPACE)
    axes = space.dimensions
    point = np.full(len(axes), 0.5)
    point[axes.index(("branch", "0"))], point[axes.index(("branch", "1"))] = 0.9, 0.1
    point[axes.index(("C30_mm", "center"))] = 1.0
    drawn = space.at(point)
    assert drawn["C30_mm"].center == 1.2
    assert drawn["defocus_nm"].center == pytest.approx(scherzer_defocus(1.2e7, wavelength(300e3)) / 10, rel=1e-4)
    point[axes.index(("branch", "0"))] = 0.1
    assert space.at(point)["defocus_nm"].center == 0


def test_drawn_numbers_have_five_digits_and_keep_to_their_bounds() -> None:
    space = {"parameters": {"dqe_zero": {"center": {"uniform": {"minimum": 0.5, "maximum": 1}}, "sd": 0.2}}}
    item = ConditionItem(name="{value}", drawn={"count": 32, "seed": 1}, defocus_nm=0, dose_e_per_A2=100)
    for _, one in item.expanded(Space.model_validate(space)):
        spread = one.given()["dqe_zero"].normal
        assert spread is not None and spread.maximum == 1
        assert spread.mean == float(f"{spread.mean:.5g}")


def test_what_an_item_gives_itself_takes_the_place_of_what_is_drawn() -> None:
    items = [{"name": "t {value:g}", "drawn": {"count": 4, "seed": 7}, "dose_e_per_A2": 55}]
    given_sets = ConditionSets.model_validate({"space": SPACE, "training": items, "test": items})
    assert {one.centers()["dose_e_per_A2"] for _, one in given_sets.resolved("training")} == {55}


def test_a_drawn_set_reads_back_alike() -> None:
    one = sets()
    plain = one.model_dump(mode="json", exclude_none=True)
    again = ConditionSets.model_validate(read_document(write_document(plain)).data)
    assert again.resolved("test") == one.resolved("test")


@pytest.mark.parametrize(
    ("space", "fault"),
    [
        (None, "no space is given to draw from; give drawn.space, or conditions.space"),
        ({"parameters": {"defocus": {"center": 1}}}, "'defocus' is not known; nearest: 'defocus_nm'"),
        ({"parameters": {"defocus_nm": {"sd": {"uniform": {"minimum": 1, "maximum": 2}}}}}, "a spread but no center"),
        ({"parameters": {"defocus_nm": {"center": 1}}}, "nothing in it is drawn"),
        ({"parameters": {"defocus_nm": {}}}, "nothing is given; give a center"),
        ({"parameters": {"dose_e_per_A2": {"center": 9, "sd": 1, "sigma": 1}}}, "sd and sigma are both given"),
        ({"parameters": {"defocus_nm": {"center": 1, "scherzer_kev": 300}}, "branches": [[{}, {}]]}, "needs C30_mm"),
    ],
)
def test_spaces_that_nothing_can_be_drawn_from_are_refused(space: Any, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        sets(space)


@pytest.mark.parametrize(
    ("item", "fault"),
    [
        ({"name": "alike", "drawn": {"count": 2, "seed": 1}}, "drawn conditions needs {value}"),
        ({"name": "{value}", "drawn": {"count": 2, "seed": 1}, "series": "C12_nm", "values": [1]}, "give one of them"),
    ],
)
def test_drawn_items_are_checked_before_anything_is_drawn(item: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        ConditionItem.model_validate(item)


def test_the_page_on_training_shows_a_space_that_can_be_drawn_from() -> None:
    page = (Path(__file__).parents[2] / "docs" / "training.md").read_text(encoding="utf-8")
    shown = ConditionSets.model_validate(read_document(page.split("```yaml\n")[1].split("```")[0]).data)
    assert [len(shown.resolved(role)) for role in ("training", "test")] == [1000, 49]
    focus = [one.given()["defocus_nm"] for _, one in shown.resolved("training")]
    assert {part.normal is not None and 0.5 <= part.normal.sd <= 15 for part in focus} == {True}


def test_remarks_are_on_what_a_person_wrote() -> None:
    space = {"parameters": {"C30_mm": {"center": {"uniform": {"minimum": -2e-5, "maximum": 2e-5}}}}}
    item = {"name": "drawn {value:g}", "drawn": {"count": 9, "seed": 1}, "dose_e_per_A2": 9, "defocus_nm": 0}
    sets = ConditionSets.model_validate(
        {"space": space, "training": [item], "test": [{"name": "written", "dose_e_per_A2": 9, "defocus_nm": 0}]}
    )
    assert [name for name, _ in sets.written("training")] == ["drawn 1"]
    assert sets.written("test") == sets.resolved("test")
