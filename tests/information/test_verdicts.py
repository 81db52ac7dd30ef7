"""Verdicts: one sentence from the observer, and a reason from the information that is lost."""

import itertools
import re
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.stats import spearmanr

from temshift.conditions import ImagingConditions
from temshift.core.errors import InputError
from temshift.information import (
    Bench,
    Comparison,
    ObjectLibrary,
    SpecimenPair,
    compare,
    compare_many,
    fit_observer,
    ring_draws,
    shipped_library,
)
from temshift.information.comparison.bands import Band
from temshift.information.comparison.causes import cause_of_loss
from temshift.information.comparison.compare import band_of, survey_for
from temshift.information.comparison.verdict import Verdict, chance_loss, factor_text, reason_text
from temshift.information.observers.observer import Expected

EXAMPLES = Path(__file__).parents[2] / "examples"
LOSS = "ln_cross_entropy"
BINS = list(itertools.pairwise([-np.inf, *np.log([1.1, 1.5, 2.5, 5]), np.inf]))


def given(defocus: float, dose: float, **others: Any) -> dict[str, Any]:
    focus = {"normal": {"mean": defocus, "sd": 1.5}}
    return {
        "defocus_nm": focus,
        "dose_e_per_A2": dose,
        "semiangle_cutoff_mrad": 12.0,
        "focal_spread_sigma_nm": 1.0,
        **others,
    }


def made(there: float, own: float, reason: str = "noise") -> Verdict:
    return Verdict("A", "B", "linear", Expected(there, 0.03, 0.5), Expected(own, 0.04, 0.9), 0.5, reason)


def test_the_factor_is_the_loss_over_that_of_training_there() -> None:
    comparison = compare(given(-10, 400), given(4, 100))
    verdict = comparison.verdict
    assert verdict is not None
    there, own = comparison.training.observers["linear"][1], comparison.test.observers["linear"][0]
    assert verdict.factor == there.cross_entropy / own.cross_entropy
    assert repr(comparison).splitlines()[:2] == [verdict.sentence, verdict.basis]
    assert verdict.basis.startswith("predicted by the linear observer, not measured with networks: cross-entropy ")


def test_a_high_sigma_is_not_safe() -> None:
    """New users took such a pair for safe; the observer's cross-entropy is above that of chance.

    Up to the aperture, sigma was 0.78, the cross-entropy 0.78 and the factor 1.8.
    """
    comparison = compare(given(15, 60), given(2, 60))
    verdict = comparison.verdict
    assert verdict is not None and comparison.pair.sigma.value == pytest.approx(0.881, abs=0.005)
    assert verdict.there.cross_entropy == pytest.approx(0.94, abs=0.03)
    assert verdict.sentence.startswith("networks trained on training lose a factor of 2.1 on test: blind in focus")
    assert "; worse than chance" in verdict.sentence and verdict.hopeless


def test_a_low_sigma_is_not_lost() -> None:
    """New users took such a pair for lost; networks are far from chance, and lose little.

    Up to the aperture, sigma was 0.34, the cross-entropy 0.113 and the factor 1.5.
    """
    comparison = compare(given(0, 2000), given(20, 400))
    verdict = comparison.verdict
    assert verdict is not None and comparison.pair.sigma.value == pytest.approx(0.617, abs=0.005)
    assert verdict.there.cross_entropy == pytest.approx(0.099, abs=0.005)
    assert verdict.sentence == "networks trained on training lose a factor of 1.4 on test: noise"


def test_a_camera_that_colours_noise_is_warned_of() -> None:
    """Networks trained at -10 nm lose a factor of 4.7 (F1 0.68); little where the MTF falls alone (F1 0.88)."""
    bench, half = Bench(sampling=0.4), {"mtf_half_frequency": 0.6}
    both, signal = (
        compare(given(-10, 400), given(-10, 400, **half, **more), bench=bench).verdict
        for more in ({"ntf_half_frequency": 0.6}, {})
    )
    assert both is not None and signal is not None
    assert both.factor > 4 > 2 > signal.factor
    assert both.sentence.startswith("networks trained on training lose a factor of ")


@pytest.mark.parametrize(
    ("there", "own", "sentence"),
    [
        (0.31, 0.1, "networks trained on A lose a factor of 3.1 on B: noise"),
        (0.109, 0.1, "networks trained on A are about as good on B as networks trained there"),
        (0.08, 0.1, "networks trained on A are about as good on B as networks trained there"),
        (0.6, 0.1, "networks trained on A lose a factor of 6.0 on B: noise; worse than chance"),
        (0.501, 0.1, "networks trained on A lose a factor of 5.0 on B: noise; no better than chance"),
        (
            0.41,
            0.41,
            "networks trained on A are about as good on B as networks trained there; even networks trained on B are "
            "near chance",
        ),
    ],
)
def test_the_sentence(there: float, own: float, sentence: str) -> None:
    assert made(there, own).sentence == sentence


def test_equal_conditions_are_about_as_good() -> None:
    comparison = compare(given(-10, 400), given(-10, 400))
    assert comparison.verdict is not None and comparison.verdict.factor < 1.1
    assert comparison.verdict.reason == ""


def test_without_observers_there_is_no_verdict() -> None:
    comparison = compare(given(-10, 400), given(4, 100), bench=Bench(rules=(), draws=16))
    assert comparison.verdict is None and "verdict" not in comparison.to_dict()
    assert repr(comparison).startswith("training -> test\n")


def test_json_gains_the_verdict_and_the_factor() -> None:
    comparison = compare(given(-10, 400), given(-10, 20))
    plain = comparison.to_dict()
    assert plain["verdict"].startswith("networks trained on training lose a factor of ")
    assert plain["factor"] > 1.1 and plain["reason"] == "noise" and plain["verdict_observer"] == "linear"
    assert plain["factor_ln_error"] > 0 and plain["chance_cross_entropy"] == pytest.approx(0.462, abs=1e-3)
    assert {"sigma", "overlap", "cosine", "bands"} <= plain.keys()


def test_both_observers_together_give_the_verdict_if_they_are_asked() -> None:
    verdict = compare(given(-10, 400), given(-10, 20), bench=Bench(rules=("linear", "both"))).verdict
    assert verdict is not None and verdict.rule == "both" and "by the both" not in verdict.basis
    assert "predicted by the linear observer and the forest together" in verdict.basis


TRAIN = given(-10, 400)


@pytest.mark.parametrize(
    ("training", "test", "reason"),
    [
        (TRAIN, given(-10, 20), "noise"),
        (TRAIN, {**TRAIN, "dqe_zero": 0.03}, "noise"),
        (TRAIN, given(2, 400), "blind in focus"),
        (given(-10, 60), given(2, 400), "blind in focus"),  # although the dose more than makes up for it
        (TRAIN, {**TRAIN, "semiangle_cutoff_mrad": 5.0}, "band lost (3.9 to 1.6 A)"),  # from 5 mrad
        (TRAIN, {**TRAIN, "focal_spread_sigma_nm": 12.0}, "band lost (2.1 to 1.6 A)"),
        (TRAIN, given(-60, 400, angular_spread_sigma_mrad=1.0), "band lost"),
        (TRAIN, given(-10, 4000), "nothing is lost, but images look unlike those learnt from"),
    ],
)
def test_the_reason_is_taken_from_the_information_that_is_lost(
    training: dict[str, Any], test: dict[str, Any], reason: str
) -> None:
    ours, theirs = (ImagingConditions.model_validate(one) for one in (training, test))
    bench = Bench(rules=(), draws=32)
    survey, _ = survey_for([ours, theirs], shipped_library(), bench)
    cause, nearer = cause_of_loss(ours, theirs, band_of(shipped_library().mean, survey), survey)
    bands: Comparison = compare(ours, theirs, bench=bench)
    assert reason_text(cause, nearer, bands.bands).startswith(reason)


def test_the_reason_names_the_band_with_most_bits() -> None:
    bands = [Band("lost", 0.1, 0.2, 0.3), Band("lost", 0.25, 0.5, 0.7), Band("new", 0.5, 0.6, 2.0)]
    assert reason_text("band", False, bands) == "band lost (4 to 2 A)"
    assert reason_text("aberrations", False, bands) == "band lost (4 to 2 A) to aberrations"
    assert reason_text("focus", False, bands[2:]) == "band lost to defocus"


def test_predicted_factors_order_those_of_networks_better_than_sigma() -> None:
    """Pairs of the transfer study with a network trained under a condition of the test's name; the page has more."""
    study = pl.read_parquet(EXAMPLES / "transfer_study" / "metrics.parquet")
    split = pl.col("training_name").str.split_exact(", crystal ", 1).struct.rename_fields(["plain", "crystal"])
    cells = study.with_columns(predicted=pl.col("observer_linear_cross_entropy").log()).with_columns(split.alias("of"))
    cells = cells.unnest("of")
    own = cells.filter(pl.col("plain") == pl.col("test_name")).select("crystal", "test_name", "predicted", LOSS)
    pairs = cells.filter(pl.col("plain") != pl.col("test_name")).join(own, on=["crystal", "test_name"], suffix="_own")
    measured = (pairs[LOSS] - pairs[f"{LOSS}_own"]).to_numpy()
    predicted = (pairs["predicted"] - pairs["predicted_own"]).to_numpy()
    assert len(pairs) == 352
    assert spearmanr(predicted, measured).statistic == pytest.approx(0.75, abs=0.005)
    assert spearmanr(-pairs["sigma"], measured).statistic == pytest.approx(0.52, abs=0.005)
    medians = [np.exp(np.median(measured[(low <= predicted) & (predicted < high)])) for low, high in BINS]
    assert medians == pytest.approx([1.14, 1.27, 1.39, 1.77, 3.07], abs=0.005)


@pytest.mark.parametrize(("factor", "text"), [(1.1, "1.1"), (9.94, "9.9"), (9.96, "10"), (123.4, "123")])
def test_factors_have_two_digits(factor: float, text: str) -> None:
    assert factor_text(factor) == text


def test_other_specimens_by_themselves_are_named_as_the_reason() -> None:
    """Under the same conditions nothing but specimens can be lost, and the parts of the factor multiply."""
    pair = SpecimenPair(shipped_library("Au"), shipped_library("C"), ("Au", "C"))
    comparison = compare_many({"A": given(-10, 400)}, {"B": given(-10, 400)}, pair)[0]
    verdict = comparison.verdict
    assert verdict is not None and verdict.specimens_factor is not None
    assert verdict.specimens_factor == pytest.approx(verdict.factor)
    pattern = r"networks trained on A with Au lose a factor of [\d.]+ on B with C: other specimens"
    assert re.match(pattern, verdict.sentence)
    assert comparison.to_dict()["specimens_factor"] == verdict.specimens_factor


def test_observers_of_other_specimens_learn_from_the_library_of_the_training() -> None:
    ours, theirs = shipped_library("Au"), shipped_library("C")
    there, home = ImagingConditions.model_validate(given(4, 100)), ImagingConditions.model_validate(given(-10, 400))
    pair = SpecimenPair(ours, theirs, ("Au", "C"))
    bench = Bench(draws=16)
    comparison = compare_many({"A": home}, {"B": there}, pair, bench)[0]
    survey, _ = survey_for([home, there], ours, bench)
    observer = fit_observer(ring_draws(home, ours, survey, stream=0), "linear", seed=survey.seed)
    expected = observer.expected(ring_draws(there, theirs, survey, stream=1))
    assert comparison.training.observers["linear"][1] == expected
    reason = comparison.verdict.reason if comparison.verdict else ""
    assert comparison.verdict is not None and comparison.verdict.chance == pytest.approx(chance_of(theirs))
    assert reason


def chance_of(library: ObjectLibrary) -> float:
    return chance_loss(library.area_fraction)


@pytest.mark.parametrize(
    ("alone", "words"), [(0.51, "noise"), (1.0, "noise, and other specimens, a fac"), (1.9, "oth")]
)
def test_a_reason_names_conditions_specimens_or_both(alone: float, words: str) -> None:
    verdict = Verdict(
        "A", "B", "linear", Expected(2.0, 0, 0.5), Expected(0.5, 0, 0.9), 0.6, "", Expected(alone, 0, 0.5)
    )
    reason = verdict.whole_reason("noise")
    assert reason.startswith(words) and (alone > 0.9) == ("specimens" in reason)


def test_specimens_of_one_name_are_no_pair() -> None:
    library = shipped_library("Ag")
    with pytest.raises(InputError, match="both sides have the specimens Ag"):
        SpecimenPair(library, library, ("Ag", "Ag"))


def test_rings_of_two_cells_are_brought_together() -> None:
    ours, theirs = shipped_library("Ag"), shipped_library("Cu")
    coarse = theirs.resampled(np.arange(2, 60) / 64)
    first, second = SpecimenPair(ours, coarse, ("Ag", "Cu")).on_one_grid
    assert np.array_equal(first.q, second.q)
    assert first.q[-1] <= coarse.q[-1]
