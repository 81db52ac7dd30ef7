"""Specimens to train on for others: kinds and mixtures, ranked by observers on new draws."""

import numpy as np
import pytest

from temshift.conditions import ImagingConditions
from temshift.core.errors import InputError
from temshift.information import Bench, choose_specimens, fit_observer, ring_draws, shipped_library, survey_for
from temshift.information.designs.bench import SEARCH, thinned
from temshift.information.designs.specimen_choice import SpecimenChoice
from temshift.information.observers.draws import Draws

NEAR = ImagingConditions.model_validate(
    {"defocus_nm": -10, "dose_e_per_A2": 400, "semiangle_cutoff_mrad": 12.0, "focal_spread_sigma_nm": 1.0}
)
CANDIDATES = {name: shipped_library(name) for name in ("Ag", "C", "Si")}
TARGET = shipped_library("Au")
SURVEY = survey_for([NEAR], TARGET, Bench())[0]


@pytest.fixture(scope="module")
def choice() -> SpecimenChoice:
    return choose_specimens(("Au", TARGET), CANDIDATES, {"near": NEAR}, SURVEY, rule="linear")


def test_every_kind_and_every_pair_is_searched_and_the_best_are_ranked(choice: SpecimenChoice) -> None:
    names = {"Ag", "C", "Si", "Ag and C", "Ag and Si", "C and Si"}
    assert {frozenset(name.split(" and ")) for name in choice.searched["set_name"]} == {
        frozenset(name.split(" and ")) for name in names
    }
    assert choice.ranked["cross_entropy"].is_sorted() and choice.searched["cross_entropy"].is_sorted()
    assert np.allclose(choice.ranked["regret"], choice.ranked["cross_entropy"] / choice.ranked["own_cross_entropy"])


def test_a_mixture_is_scored_as_an_observer_of_both_scores_the_target(choice: SpecimenChoice) -> None:
    row = next(one for one in choice.searched.iter_rows(named=True) if set(one["members"]) == {"Ag", "Si"})
    parts = [ring_draws(NEAR, CANDIDATES[name], SURVEY, stream=SEARCH[0]) for name in row["members"]]
    observer = fit_observer(Draws.joined([thinned(one, 2) for one in parts]), "linear", seed=SURVEY.seed)
    expected = observer.expected(ring_draws(NEAR, TARGET, SURVEY, stream=SEARCH[1]))
    assert row["cross_entropy"] == pytest.approx(expected.cross_entropy)


def test_heavy_particles_are_learnt_from_heavy_ones(choice: SpecimenChoice) -> None:
    alone = choice.searched.filter(choice.searched["members"].list.len() == 1)
    assert alone["set_name"][0] == "Ag" and alone["set_name"][-1] == "C"
    assert alone["regret"][-1] > 1.5


def test_the_choice_is_one_sentence(choice: SpecimenChoice) -> None:
    best, worst = choice.ranked["set_name"][0], choice.searched["set_name"][-1]
    assert choice.sentence.startswith(
        f"train on {best} for Au: predicted cross-entropy {choice.ranked['cross_entropy'][0]:.3f}"
    )
    assert f"; worst of 6 is {worst}, a factor of" in choice.sentence


def test_the_same_specimens_cost_nothing_more_than_themselves() -> None:
    """Learnt from the same draws, the target as a candidate has a regret of 1."""
    both = {"itself": TARGET, "C": CANDIDATES["C"]}
    choice = choose_specimens(("Au", TARGET), both, {"near": NEAR}, SURVEY, most=1, rule="linear")
    assert choice.ranked["set_name"][0] == "itself"
    assert choice.ranked["regret"][0] == pytest.approx(1.0)
    assert "about as good as networks trained on Au itself" in choice.sentence


def test_no_choice_is_refused() -> None:
    with pytest.raises(InputError, match="1 kind of specimens to train on is no choice"):
        choose_specimens(("Au", TARGET), {"Ag": CANDIDATES["Ag"]}, {"near": NEAR}, SURVEY)
    with pytest.raises(InputError, match="give one condition at least"):
        choose_specimens(("Au", TARGET), CANDIDATES, {}, SURVEY)
