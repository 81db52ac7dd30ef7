"""compare: two distributions side by side, and answers to questions that have none."""

import json
from dataclasses import replace

import numpy as np
import pytest

from temshift.conditions import ImagingConditions
from temshift.core.errors import InputError
from temshift.information import Bench, ObjectLibrary, compare, compare_many
from temshift.information.comparison.bands import Band, transferred_bands
from temshift.information.comparison.compare import as_conditions, survey_for
from temshift.information.observers.observer import RuleName, observe
from temshift.optics import ImagingSettings

Q = np.arange(1, 65) / 102.4
COUNT = 6
LIBRARY = ObjectLibrary(
    q=Q,
    particle=np.outer(np.linspace(0.6, 1.4, COUNT), 2 * np.exp(-3 * Q)),
    amplitude=np.zeros((COUNT, len(Q))),
    cross=np.zeros((COUNT, len(Q))),
    area=np.full(COUNT, 500.0),
    particle_height=np.full(COUNT, 12.0),
    substrate=0.01 * np.exp(-3 * Q),
    thickness=np.full(COUNT, 30.0),
    substrate_height=np.full(COUNT, 41.0),
    area_fraction=0.2,
)
TRAIN = {"defocus_nm": {"normal": {"mean": -10, "sd": 1.5}}, "dose_e_per_A2": 400.0, "semiangle_cutoff_mrad": 11.0}
QUICK = Bench(rules=(), draws=16)


def test_equal_conditions_lose_nothing() -> None:
    found = compare(TRAIN, TRAIN, LIBRARY)
    assert (found.pair.sigma.value, found.pair.distance.value, found.bands) == (1, 0, ())
    own, other = found.training.observers["linear"]
    assert own == other
    assert "nowhere is more than half of the information lost or new" in repr(found)


def test_a_smaller_aperture_loses_what_lies_beyond_it() -> None:
    found = compare(TRAIN, {**TRAIN, "semiangle_cutoff_mrad": 6.0}, LIBRARY, QUICK)
    (band,) = [one for one in found.bands if one.high > 0.4]
    assert band.kind == "lost"
    assert band.low == pytest.approx(6e-3 / 0.0196875, abs=1 / 102.4)
    assert band.spacings[0] == pytest.approx(1 / band.low)
    back = compare({**TRAIN, "semiangle_cutoff_mrad": 6.0}, TRAIN, LIBRARY, QUICK)
    assert [one.kind for one in back.bands if one.high > 0.4] == ["new"]
    assert back.pair == found.pair


def test_bits_of_bands_add_up_to_the_difference_of_epsilon() -> None:
    found = compare(TRAIN, {**TRAIN, "dose_e_per_A2": 0.01}, LIBRARY, QUICK)
    lost = sum(band.bits for band in found.bands)
    assert lost == pytest.approx(found.training.information.epsilon - found.test.information.epsilon, rel=0.05)


def test_bands_are_runs_of_rings_with_less_than_half() -> None:
    q = np.arange(1, 9) / 10
    training = np.array([1.0, 1, 1, 1, 1, 1, 0.1, 0.001])
    test = np.array([1.0, 0.4, 0.3, 0.6, 1, 1, 1, 0.0])
    lost, new = transferred_bands(q, training, test)
    assert (lost.kind, lost.low, lost.high) == ("lost", pytest.approx(0.15), pytest.approx(0.35))
    assert lost.bits == pytest.approx((0.2 * 0.6 + 0.3 * 0.7) / q.sum())
    assert (new.kind, new.low, new.high) == ("new", pytest.approx(0.65), pytest.approx(0.75))
    assert list(transferred_bands(q, np.zeros(8), np.zeros(8))) == []


def test_the_observer_is_told_both_ways() -> None:
    """What learns at a low dose is tested at a high one, and the other way round: that is not symmetric."""
    found = compare(TRAIN, {**TRAIN, "dose_e_per_A2": 30.0}, LIBRARY)
    own, there = found.training.observers["linear"]
    others, here = found.test.observers["linear"]
    assert own.cross_entropy < others.cross_entropy
    assert there.cross_entropy > others.cross_entropy
    assert here.cross_entropy > own.cross_entropy
    assert "linear observer of training: cross-entropy" in repr(found)


def test_json_holds_all_and_no_nan() -> None:
    told = json.loads(compare(TRAIN, {**TRAIN, "defocus_nm": 4.0}, LIBRARY).to_json())
    assert told["sigma"].keys() == {"value", "error"}
    assert len(told["q_per_A"]) == len(told["test"]["bits"])
    assert len(told["training"]["spectrum"]) == len(told["spectrum_q_per_A"]) == len(told["test"]["spectrum"])
    assert told["spectrum_q_per_A"][-1] == pytest.approx(1.25, abs=1 / 102.4)
    assert told["test"]["observers"]["linear"]["other"].keys() == {"cross_entropy", "ln_error", "f1"}
    assert told["energy_kev"] == 300


def test_where_nothing_is_transferred_that_is_said() -> None:
    flat = replace(LIBRARY, particle_height=np.zeros(COUNT), substrate_height=np.zeros(COUNT))
    found = compare({**TRAIN, "defocus_nm": 0.0}, {**TRAIN, "defocus_nm": 0.0}, flat, QUICK)
    assert found.pair.cosine is None
    assert found.pair.overlap is None
    assert "overlap: undefined (nothing is transferred), signed cosine: undefined" in repr(found)
    assert "training transfers all but nothing (epsilon = 0 bits): its images are noise" in found.remarks
    assert json.loads(found.to_json())["overlap"] is None


def test_all_pairs_are_those_of_single_comparisons() -> None:
    tests = {"near": {**TRAIN, "defocus_nm": -8.0}, "far": {**TRAIN, "defocus_nm": 20.0}}
    near, far = compare_many({"one": TRAIN}, tests, LIBRARY)
    assert (near.training.name, near.test.name, far.test.name) == ("one", "near", "far")
    alone = compare(TRAIN, tests["far"], LIBRARY)
    assert far.pair == alone.pair
    assert far.training.observers == alone.training.observers


def test_the_band_ends_where_the_library_or_the_pixels_end() -> None:
    open_lens = {name: value for name, value in TRAIN.items() if name != "semiangle_cutoff_mrad"}
    found = compare(open_lens, TRAIN, LIBRARY, QUICK)
    assert found.q[-1] == Q[-1]
    assert found.remarks[0] == "the band ends at 0.625 1/A with the object library"
    coarse = compare(TRAIN, TRAIN, LIBRARY, Bench(rules=(), draws=16, sampling=1.0))
    assert coarse.q[-1] == pytest.approx(0.5, abs=0.01)
    assert coarse.remarks == ("the band ends at 0.5 1/A with the pixels' Nyquist frequency",)


def test_without_a_pixel_size_the_answer_says_which_is_assumed() -> None:
    """Noise up to the Nyquist frequency counts, and finer pixels hold more of it."""
    assumed, known, fine = (
        compare(TRAIN, {**TRAIN, "dose_e_per_A2": 30.0}, LIBRARY, replace(QUICK, sampling=pixel))
        for pixel in (None, 0.4, 0.2)
    )
    assert "pixels of 0.4 A are assumed" in " ".join(assumed.remarks)
    assert "assumed" not in " ".join(known.remarks)
    assert assumed.pair == known.pair
    assert fine.pair.distance.value > 1.2 * known.pair.distance.value
    assert fine.pair.distance_log_aperture == known.pair.distance_log_aperture


@pytest.mark.parametrize(
    ("test", "bench", "message"),
    [
        ({**TRAIN, "mtf_half_frequency": 0.5}, QUICK, "mtf_half_frequency counts in pixels, whose size is unknown"),
        ({**TRAIN, "dose_e_per_A2": 0.0}, QUICK, "test: .*must be above 0"),
        ({**TRAIN, "dose_e_per_A2": float("nan")}, QUICK, "test: .*dose_e_per_A2: given .nan; must be a finite number"),
        ({"defocus_nm": 3.0}, QUICK, "test: .*dose_e_per_A2 missing"),
        ({**TRAIN, "defocus": 3.0}, QUICK, "test: 1 fault\n.*defocus: unknown key; nearest: 'defocus_nm'"),
        ("test.yaml", QUICK, "test: given str; give ImagingConditions, or a mapping of their keys"),
        (TRAIN, Bench(rules=("forrest",), draws=4), "no observer is called 'forrest'; allowed: .*nearest: 'forest'"),
    ],
)
def test_faulty_conditions_are_refused(test: dict[str, object], bench: Bench, message: str) -> None:
    with pytest.raises(InputError, match=f"(?s){message}"):
        compare(TRAIN, test, LIBRARY, bench)


def test_a_tabled_mtf_needs_the_size_of_a_pixel() -> None:
    imaging = ImagingSettings.model_validate({"camera": {"mtf_table": {"preset": "falcon3EC_300kV"}}})
    with pytest.raises(InputError, match="mtf_table counts in pixels"):
        compare(TRAIN, TRAIN, LIBRARY, Bench(imaging=imaging, rules=()))
    told = compare(TRAIN, TRAIN, LIBRARY, Bench(imaging=imaging, rules=(), sampling=0.4, draws=4))
    assert told.training.information.epsilon < compare(TRAIN, TRAIN, LIBRARY, QUICK).training.information.epsilon


def test_an_empty_band_is_refused() -> None:
    tiny = {**TRAIN, "semiangle_cutoff_mrad": 0.1}
    with pytest.raises(InputError, match="the band ends at 0.005.* before the first ring at .* nothing is left"):
        compare(tiny, tiny, LIBRARY, QUICK)
    narrow = {**TRAIN, "semiangle_cutoff_mrad": 1.0}
    with pytest.raises(InputError, match="no observer: .* compare without observers, or widen the band"):
        compare(narrow, narrow, LIBRARY)
    assert compare(narrow, narrow, LIBRARY, QUICK).pair.sigma.value == 1


def test_what_is_no_library_is_refused() -> None:
    with pytest.raises(InputError, match=r"library = 'Ag'; give an ObjectLibrary, such as shipped_library\('Ag'\)"):
        compare(TRAIN, TRAIN, "Ag", QUICK)  # type: ignore[arg-type]


def test_a_side_without_conditions_is_refused() -> None:
    with pytest.raises(InputError, match="no conditions to compare"):
        compare_many({}, {"test": TRAIN}, LIBRARY)


def test_objects_of_conditions_are_taken_too() -> None:
    chosen = ImagingConditions.model_validate(TRAIN)
    assert compare(chosen, TRAIN, LIBRARY, QUICK).pair.sigma.value == 1


def test_a_band_tells_its_spacings() -> None:
    assert Band("new", 0.2, 0.5, 0.1).spacings == (5.0, 2.0)


@pytest.mark.parametrize("rule", ["linear", "ideal"])
def test_observers_are_those_of_observe(rule: RuleName) -> None:
    """The ideal one is taken over the average particle, which it knows the density of."""
    bench = replace(QUICK, rules=(rule,))
    one, other = (as_conditions({**TRAIN, "defocus_nm": focus}, "one") for focus in (-10, 4))
    found = compare(one, other, LIBRARY, bench)
    survey = survey_for([one, other], LIBRARY, bench)[0]
    table = observe({"training": one}, {"training": one, "test": other}, LIBRARY, survey, [rule])
    expected = table[f"observer_{rule}_cross_entropy"].to_list()
    assert [score.cross_entropy for score in found.training.observers[rule]] == expected
