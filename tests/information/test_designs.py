"""Designs: analytic truths of the search, and of the physics behind it."""

import itertools
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from temshift import information
from temshift.conditions import ImagingConditions
from temshift.conditions.imaging import COLUMNS
from temshift.core.errors import InputError
from temshift.execution import SilentProgress
from temshift.information.designs.bench import SEARCH, Bench, Task
from temshift.information.designs.exchange import added, exchanged
from temshift.information.designs.objectives import judged
from temshift.information.designs.training_design import DESIGN, EVEN, FULL, design, even_set, random_sets
from temshift.information.objects.library import ObjectLibrary
from temshift.information.observers import draws
from temshift.information.transfer.survey import Survey
from temshift.optics.microscope import Microscope

pytestmark = pytest.mark.slow  # part of make test, not of make check

CUTOFF = 12.0
DOSE = "dose_e_per_A2"
Q = np.arange(1, 33) / 51.2
SCOPE = Survey(Microscope(300e3, nyquist=1.25), CUTOFF * 1e-3, 64, 0)


def library(height: float = 12.0, thickness: float = 35.0) -> ObjectLibrary:
    """Six particles like CdSe of radius 12 A on carbon, each of other strength."""
    strength = np.repeat([0.6, 1.0, 1.4], 2)[:, None]  # training and test see equal halves
    phases = strength * 3 * np.exp(-3 * Q)
    return ObjectLibrary(
        Q,
        phases,
        np.zeros_like(phases),
        np.zeros_like(phases),
        np.full(6, 450.0),
        np.full(6, height),
        1.5 * np.exp(-3 * Q) / 35,
        np.full(6, thickness),
        np.full(6, height + thickness / 2 + 12 if thickness else height),
        0.2,
    )


def conditions(defocus: float = -10.0, **given_values: Any) -> ImagingConditions:
    values = {"defocus_nm": defocus, "dose_e_per_A2": 400.0, "semiangle_cutoff_mrad": CUTOFF, **given_values}
    return ImagingConditions.model_validate(values)


def focal_series(*defocus: float, **given_values: Any) -> dict[str, ImagingConditions]:
    return {f"{one:g} nm": conditions(one, **given_values) for one in defocus}


def test_the_regret_is_the_largest_loss_over_the_best_single_one() -> None:
    """A dark target weighs no more than a bright one: 0.44 over 0.40 is a tenth more, 0.06 over 0.03 is twice."""
    losses, best = np.array([0.44, 0.06]), np.array([0.40, 0.03])
    assert judged(losses, best, "regret") == pytest.approx(2)
    assert (judged(losses, best, "worst"), judged(losses, best, "mean")) == (0.44, 0.25)
    assert judged(10 * losses, 10 * best, "regret") == pytest.approx(2)


def test_a_design_minimises_the_regret_by_default() -> None:
    """Its rule is the least over all sets of two of four targets, by all pairs, on the draws of the search."""
    targets = focal_series(-24.0, -8.0, 8.0, 24.0)
    task = Task(targets, targets, library(), SCOPE, "regret", "linear", "linear")
    bench = Bench(task, SilentProgress())
    pairs = [dict(pair) for pair in itertools.combinations(targets.items(), 2)]
    least = min(bench.score(pair) for pair in pairs)
    singles = np.array([[one.cross_entropy for one in bench.predict(dict([each]), SEARCH)] for each in targets.items()])
    losses = [np.array([one.cross_entropy for one in bench.predict(pair, SEARCH)]) for pair in pairs]
    assert least == pytest.approx(min((loss / singles.min(axis=0)).max() for loss in losses))
    found = design(targets, library(), SCOPE, size=2, grid=0, rule="linear")
    assert found.objective == "regret"
    assert bench.score(found.members) <= least * 1.05


def test_the_best_single_condition_is_that_of_every_target() -> None:
    """Of three targets alone, the reference of each is the least of all singles that are best for some target."""
    targets = focal_series(-20.0, 5.0, 20.0)
    found = design(targets, library(), SCOPE, size=1, grid=0, rule="linear")
    assert set(found.limits["best_single"]) <= set(targets)
    alone = found.costs.filter(pl.col("best_single") == next(iter(found.members)))
    assert alone["regret"].to_list() == pytest.approx([1.0] * len(alone))
    assert found.costs["cost"].to_list() == (found.costs["design"] / found.costs["rival"]).to_list()
    assert found.rival == EVEN


def test_a_target_that_even_its_best_candidate_leaves_to_chance_is_hopeless() -> None:
    """At next to no dose nothing is seen; the loss of chance is the entropy of a fifth of the area."""
    targets = {"bright": conditions(-10.0), "dark": conditions(-10.0, dose_e_per_A2=1e-3)}
    found = design(targets, library(), SCOPE, size=1, grid=0, rule="linear")
    assert found.limits.filter("hopeless")["target_name"].to_list() == ["dark"]
    assert found.limits["chance_cross_entropy"][0] == pytest.approx(-0.2 * np.log(0.2) - 0.8 * np.log(0.8))


def test_the_regret_gives_nothing_away_to_a_hopeless_target() -> None:
    """Focus by dose: a design for the worst loss gave away all six targets of high dose for the dark one in focus."""
    spread = {"semiangle_cutoff_mrad": 12.0, "focal_spread_sigma_nm": 1.0}
    targets = {
        f"{focus} nm, {dose}": conditions(
            focus, defocus_nm={"normal": {"mean": focus, "sd": 1.5}}, **spread, **{DOSE: dose}
        )
        for dose in (60, 200, 800)
        for focus in (-10, -5, 0, 5, 10, 15)
    }
    regret, worst = (
        design(targets, size=3, objective=objective, grid=0, rule="linear") for objective in ("regret", "worst")
    )
    largest = [one.summary.filter(set_name=DESIGN)["regret"][0] for one in (regret, worst)]
    assert largest[0] < 0.7 * largest[1]
    both = regret.costs.join(worst.costs.select("target_name", "design"), on="target_name", suffix="_of_worst")
    bright = both.filter(pl.col("target_name").str.ends_with(" 800"))
    assert (bright["design"] < bright["design_of_worst"]).all()
    assert regret.limits.filter("hopeless")["target_name"].to_list() == ["0 nm, 60"]


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.integers(1, 3))
def test_exchange_never_worsens_and_ends_where_no_exchange_helps(seed: int, size: int) -> None:
    """On random scores of all subsets; the end is a local minimum, checked by trying every exchange."""
    random = np.random.default_rng(seed)
    scores = {members: float(random.random()) for members in itertools.combinations(range(7), size)}
    start = tuple(sorted(map(int, random.choice(7, size, replace=False))))
    end = exchanged(scores.__getitem__, start, 7)
    assert scores[end] <= scores[start]
    neighbours = [members for members in scores if len(set(members) & set(end)) == size - 1]
    assert all(scores[end] <= scores[members] * (1 + 1e-6) for members in neighbours)


def test_adding_finds_the_best_of_separable_scores() -> None:
    cost = [5.0, 1.0, 4.0, 2.0, 3.0]
    assert added(lambda members: sum(cost[item] for item in members), 5, 1) == (1,)
    assert exchanged(lambda members: sum(cost[item] for item in members), (0, 2, 4), 5) == (1, 3, 4)


def test_one_target_is_its_own_design() -> None:
    found = design(focal_series(-8.0), library(), SCOPE, size=1, rule="linear")
    assert list(found.members) == ["-8 nm"] and found.conditions == conditions(-8.0)


def test_two_far_groups_get_one_each() -> None:
    """Two conditions near strong transfer at high dose, and two at a hundredth of it."""
    targets = {
        **focal_series(-10.0, -10.5),
        "dim": conditions(-10.0, dose_e_per_A2=10.0),
        "dimmer": conditions(-10.5, dose_e_per_A2=9.0),
    }
    found = design(targets, library(), SCOPE, size=2, objective="mean", grid=0, rule="linear")
    doses = [one.centers()["dose_e_per_A2"] or 0 for one in found.members.values()]
    assert min(doses) <= 10 and max(doses) == 400


def test_symmetrical_targets_are_alike() -> None:
    """Particles at height 0 in vacuum without Cs: +f and -f transfer alike, and so do the designs for them."""
    targets = focal_series(-12.0, 12.0)
    found = design(targets, library(0.0, 0.0), SCOPE, size=1, grid=0, rule="linear")
    losses = found.predicted.filter(set_name=DESIGN)["cross_entropy"]
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)
    assert found.summary.filter(set_name=DESIGN)["worst"][0] == pytest.approx(losses[0])


@pytest.mark.parametrize(("objective", "size"), [("regret", 2), ("worst", 2), ("mean", 1)])
def test_a_design_is_never_predicted_to_be_worse_than_an_even_set(objective: Any, size: int) -> None:
    targets = focal_series(-24.0, -8.0, 8.0, 24.0)
    found = design(targets, library(), SCOPE, size=size, objective=objective, grid=3, rule="linear")
    told = {row["set_name"]: row[objective] for row in found.summary.iter_rows(named=True)}
    assert told[DESIGN] <= told[EVEN]
    assert len(found.members) == size and len(found.sets[EVEN]) == size


def test_the_summary_is_that_of_the_predictions() -> None:
    found = design(focal_series(-20.0, 0.0, 20.0), library(), SCOPE, size=1, grid=0, rule="linear")
    best = found.limits["best_cross_entropy"]
    for name, *told in found.summary.iter_rows():
        part = found.predicted.filter(set_name=name)
        regrets = part["cross_entropy"] / best
        assert told == [
            part["cross_entropy"].max(),
            pytest.approx(part["cross_entropy"].mean()),
            part["target_name"][int(part["cross_entropy"].arg_max() or 0)],
            pytest.approx(regrets.max()),
            part["target_name"][int(regrets.arg_max() or 0)],
        ]
    assert found.predicted["ln_error"].is_between(0, 0.2).all()


def test_an_evenly_spaced_set_lies_at_the_middles_of_equal_parts() -> None:
    """Nine targets from -20 to 20: three conditions cover them best at the middles of three triples."""
    targets = focal_series(*np.linspace(-20, 20, 9))
    assert [list(targets)[number] for number in even_set(targets, targets, 3)] == ["-15 nm", "0 nm", "15 nm"]


def test_the_same_call_gives_the_same_design() -> None:
    targets = focal_series(-20.0, 5.0, 20.0)
    one, other = (design(targets, library(), SCOPE, size=1, grid=0, rule="linear") for _ in range(2))
    assert one.sets == other.sets and one.predicted.equals(other.predicted)


def test_what_is_left_out_is_as_the_shipped_library_and_a_plain_microscope(monkeypatch: pytest.MonkeyPatch) -> None:
    """CdSe at 300 keV on pixels of 0.4 A up to the widest aperture of the targets."""
    seen: list[tuple[ObjectLibrary, Survey]] = []

    def stop(_: Any, ours: ObjectLibrary, scope: Survey, stream: int) -> None:
        seen.append((ours, scope))
        raise ValueError("seen")

    monkeypatch.setattr(draws, "ring_draws", stop)
    with pytest.raises(InputError, match="seen"):
        information.design(focal_series(5.0), size=1)
    ours, scope = seen[0]
    assert np.array_equal(ours.particle, information.shipped_library("CdSe").particle)
    microscope = scope.microscope
    assert (microscope.energy, microscope.nyquist, scope.semiangle) == (300e3, 1.25, pytest.approx(12e-3))


@pytest.mark.slow
def test_a_broad_design_is_never_worse_than_the_full_range() -> None:
    targets = focal_series(-20.0, 0.0, 20.0)
    found = design(targets, library(), SCOPE, broad=True, objective="mean", rule="linear")
    told = {row["set_name"]: row["mean"] for row in found.summary.iter_rows(named=True)}
    assert told[DESIGN] <= told[FULL] and len(found.members) == 1
    drawn = found.conditions.quantiles(np.random.default_rng(0).random((200, len(COLUMNS)))).in_file_units()
    assert max(abs(one or 0) for one in drawn["defocus_nm"]) <= 20


def test_extra_candidates_are_taken_where_they_serve_better() -> None:
    """The targets differ so little that no grid lies beside them; the extra one has a hundred times the dose."""
    targets = focal_series(-10.0, -11.0, dose_e_per_A2=20.0)
    wanted = {"bright": conditions(-10.5, dose_e_per_A2=2000.0), "right": conditions(-10.5, dose_e_per_A2=20.0)}
    found = design(targets, library(), SCOPE, size=1, extra=wanted, grid=0, rule="linear")
    assert "bright" not in found.members


def test_the_search_may_take_another_observer() -> None:
    found = design(focal_series(-20.0, 20.0), library(), SCOPE, size=1, grid=0, search="ideal", rule="ideal")
    assert found.rule == "ideal" and len(found.members) == 1


def test_the_ideal_observer_is_shown_the_average_particle() -> None:
    found, expected = (
        design(focal_series(-20.0, 20.0), one, SCOPE, size=1, grid=0, rule="ideal").predicted.filter(set_name=EVEN)
        for one in (library(), library().averaged)
    )
    assert found["cross_entropy"].to_list() == pytest.approx(expected["cross_entropy"].to_list(), rel=1e-6)


def test_random_sets_are_without_repeats() -> None:
    sets = random_sets(5, 4, seed=3, sets=20)
    assert all(len(set(one)) == 4 and one == tuple(sorted(one)) for one in sets)
    assert len(set(sets)) > 1 and random_sets(5, 4, seed=3, sets=20) == sets


@pytest.mark.parametrize(
    ("given_values", "message"),
    [
        ({"size": 0}, "size = 0; a design has at least 1 condition"),
        ({"size": 13}, "size = 13 is more than the 12 candidates"),
        ({}, "give either size"),
        ({"size": 2, "broad": True}, "give either size"),
        ({"size": 1, "objective": "best"}, "allowed: regret, worst, mean"),
    ],
)
def test_bad_input_is_told(given_values: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        design(focal_series(-20.0, 20.0, 1.0), library(), SCOPE, **given_values)


def test_targets_that_are_missing_alike_or_impossible_are_told() -> None:
    with pytest.raises(InputError, match="no targets given"):
        design({}, library(), SCOPE, size=1)
    with pytest.raises(InputError, match="differ in the centre of no parameter"):
        design(focal_series(5.0), library(), SCOPE, broad=True)
    bare = {"bare": ImagingConditions.model_validate({"defocus_nm": 5, "dose_e_per_A2": 9}), **focal_series(5.0)}
    with pytest.raises(InputError, match="give semiangle_cutoff_mrad to all"):
        design(bare, library(), SCOPE, size=2)
    narrow = Survey(Microscope(300e3, nyquist=1.25), 1e-4, 64, 0)
    with pytest.raises(InputError, match="5 nm.*holds no ring"):
        design(focal_series(5.0), library(), narrow, size=1)
