"""Distributions of imaging conditions: every key, its unit and bounds, ties between parameters, what is drawn."""

import json
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from scipy import stats
from scipy.stats import qmc

from temshift.conditions import Conditions, ImagingConditions, PartialConditions
from temshift.conditions.imaging import COLUMNS, KEYS, condition_deviates, stratified_deviates
from temshift.core.hashes import content_hash
from temshift.vocabulary.parameters import ABERRATIONS, CAMERAS, CANONICAL, DEFAULTS, FIELDS

WHOLE = {"defocus_nm": 5.0, "dose_e_per_A2": 100.0}


def whole(**values: object) -> ImagingConditions:
    return ImagingConditions.model_validate({**WHOLE, **values})


def value_of(drawn: Conditions, field: str) -> float:
    values = drawn.aberrations.get(field) if field in ABERRATIONS or field.startswith("phi") else getattr(drawn, field)
    assert values is not None
    return float(values)


@pytest.mark.parametrize("key", [key for key, row in KEYS.items() if row.field[-1] not in "ab"])
def test_every_key_becomes_its_field_in_angstrom_and_radian(key: str) -> None:
    row = KEYS[key]
    given = 0.5 if row.highest <= 1 else min(2.0, row.highest)
    beside = {other: value for other, value in WHOLE.items() if KEYS[other].field != row.field}
    drawn = ImagingConditions.model_validate({**beside, key: given}).central()
    assert value_of(drawn, row.field) == pytest.approx(given * row.factor)


@pytest.mark.parametrize("symbol", [symbol for symbol, (_, fold) in ABERRATIONS.items() if fold])
def test_cartesian_components_become_magnitude_and_azimuth(symbol: str) -> None:
    drawn = whole(**{f"{symbol}a_nm": -3.0, f"{symbol}b_nm": 4.0}).central()
    azimuth = math.atan2(4, -3) / ABERRATIONS[symbol][1]
    assert value_of(drawn, symbol) == pytest.approx(50.0)
    assert value_of(drawn, f"phi{symbol[1:]}") == pytest.approx(azimuth)


def test_normal_components_make_a_rayleigh_magnitude_at_any_azimuth() -> None:
    spread = {"normal": {"mean": 0, "sd": 2}}
    chosen = whole(C12a_nm=spread, C12b_nm=spread)
    drawn = chosen.quantiles(np.random.default_rng(0).random((4000, len(COLUMNS))))
    assert stats.kstest(drawn.aberrations["C12"].numpy() / 20, stats.rayleigh.cdf).pvalue > 1e-3
    turned = (drawn.aberrations["phi12"].numpy() / math.pi + 0.5) % 1
    assert stats.kstest(turned, stats.uniform.cdf).pvalue > 1e-3


def test_widths_have_names() -> None:
    widths = {"focal_spread_sigma_nm": 1.0, "focal_spread_one_over_e_nm": 2**0.5, "focal_spread_fwhm_nm": 2.354820045}
    for key, width in widths.items():
        assert float(whole(**{key: width}).central().focal_spread_sigma) == pytest.approx(10.0)


def test_what_is_left_out_is_absent() -> None:
    drawn = whole().central()
    for field in FIELDS:
        if field in ABERRATIONS or field.startswith("phi"):
            assert field == "C10" or field not in drawn.aberrations
        elif field != "dose":
            assert float(getattr(drawn, field)) == DEFAULTS[field]
    told = drawn.in_file_units()
    assert list(told) == [row.key for row in CANONICAL]
    assert told["defocus_nm"] == [5.0] and told["C30_mm"] == [0.0]
    assert told["semiangle_cutoff_mrad"] == told["mtf_half_frequency"] == [None]


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"C30_mm": 1.0, "C30_um": 5.0}, "C30_um and C30_mm set the same parameter; give one of them"),
        ({"C30_mm": 1.0, "Cs_mm": 5.0}, "set the same parameter"),
        ({"C12_nm": 1.0, "C12a_nm": 5.0}, "C12a_nm and C12_nm set the same parameter"),
        ({"C12_nm": 1.0, "A1_nm": 5.0}, "set the same parameter"),
        ({"focal_spread_sigma_nm": 1.0, "focal_spread_fwhm_nm": 5.0}, "set the same parameter"),
        ({"measured": {"columns": {"C10_nm": [1.0]}}}, "measured C10_nm and defocus_nm set the same parameter"),
        ({"measured": {"columns": {"C33_nm": [1.0]}}}, "measured C33_nm: unknown; nearest: C3_nm, C43_nm, C34_nm"),
        ({"measured": {"columns": {"C12_nm": [1.0, -1.0]}}}, "measured C12_nm: given -1; must be 0 to"),
        ({"measured": {"columns": {"dqe_zero": [0.5] * 20_000 + [7.0]}}}, "measured dqe_zero: given 7; must be 0.001"),
        ({"dqe_zero": {"choice": {"values": [0.5, 7], "weights": [1e6, 1]}}}, "given 7; must be 0.001 to 1"),
        ({"dqe_zero": 1.2}, "given 1.2; must be 0.001 to 1"),
        ({"dqe_zero": {"normal": {"mean": 0.9, "sd": 0.1}}}, "0.16 of the draws lie outside 0.001 to 1"),
        ({"defocus_nm": 1e9}, "given 1e[+]09; must be -1e[+]06 to 1e[+]06"),
        ({"semiangle_cutoff_mrad": 0.0}, "given 0; must be above 0"),
        ({"dose_e_per_A2": {"choice": {"values": [0, 5]}}}, "given 0; must be above 0"),
        ({"vibration_sigma_nm": {"normal": {"mean": 0.01, "sd": 0.05}}}, "0.42 of the draws lie outside 0 to 10"),
        ({"correlations": [{"between": ["C30_mm", "defocus_nm"], "coefficient": 0.5}]}, "C30_mm"),
    ],
)
def test_contradictions_and_impossible_values_are_refused(values: dict[str, object], text: str) -> None:
    with pytest.raises(ValidationError, match=text):
        whole(**values)


def test_a_whole_condition_needs_focus_and_dose() -> None:
    with pytest.raises(ValidationError, match="defocus_nm, dose_e_per_A2 missing"):
        ImagingConditions.model_validate({})
    assert not PartialConditions().given()


def test_correlated_parameters_keep_their_own_distributions() -> None:
    tied = {"between": ["defocus_nm", "C12_nm"], "coefficient": 0.8}
    chosen = whole(
        defocus_nm={"normal": {"mean": 10, "sd": 3}},
        C12_nm={"uniform": {"minimum": 0, "maximum": 4}},
        dose_e_per_A2={"uniform": {"minimum": 10, "maximum": 20}},
        correlations=[tied],
    )
    uniform = np.random.default_rng(0).random((20_000, len(COLUMNS)))
    drawn = chosen.quantiles(uniform)
    defocus, astigmatism = -drawn.aberrations["C10"].numpy() / 10, drawn.aberrations["C12"].numpy() / 10
    assert stats.kstest(defocus, stats.norm(10, 3).cdf).pvalue > 1e-3
    assert stats.kstest(astigmatism, stats.uniform(0, 4).cdf).pvalue > 1e-3
    expected = 6 / math.pi * math.asin(0.8 / 2)
    assert stats.spearmanr(defocus, astigmatism).statistic == pytest.approx(expected, abs=0.02)
    assert torch.equal(drawn.dose, chosen.model_copy(update={"correlations": ()}).quantiles(uniform).dose)


def test_measured_conditions_are_drawn_as_rows() -> None:
    table = {"columns": {"defocus_nm": [5, 8, 11], "C12_nm": [1, 2, 3]}, "weights": [1, 1, 2]}
    chosen = ImagingConditions.model_validate({"dose_e_per_A2": 10.0, "measured": table})
    drawn = chosen.quantiles(np.random.default_rng(0).random((4000, len(COLUMNS))))
    defocus, astigmatism = -drawn.aberrations["C10"].numpy() / 10, drawn.aberrations["C12"].numpy() / 10
    assert np.allclose(defocus, 2 + 3 * astigmatism)
    assert np.mean(astigmatism == 3) == pytest.approx(0.5, abs=0.03)
    assert (chosen.highest("C12"), chosen.lowest("C10")) == (30.0, -110.0)


def test_draws_of_one_item_ignore_the_others() -> None:
    chosen = whole(C12a_nm={"normal": {"mean": 0, "sd": 2}}, C50_mm={"lognormal": {"median": 2, "sigma": 0.3}})
    uniform = np.random.default_rng(0).random((6, len(COLUMNS)))
    together, alone = chosen.quantiles(uniform), chosen.quantiles(uniform[3:4])
    for name, values in together.aberrations.items():
        assert torch.equal(values[3:4], alone.aberrations[name])


def test_the_columns_of_the_deviates_never_move() -> None:
    """Stored results depend on them; new ones go to the end."""
    first = ("C10", "C12", "phi12", "C30", "focal_spread_sigma", "angular_spread_sigma", "semiangle_cutoff", "dose")
    assert COLUMNS[:8] == first
    camera = ("transfer_exponent", "scattering_share", "counting_frames")
    marks = ("illumination_sd", "gain_residue_sd", "dead_pixels", "hot_pixels", "hot_pixel_level", "xray_hits")
    later = (*camera, *marks, "xray_counts", "camera_number")
    assert content_hash(list(COLUMNS[: -len(later)])) == "b2c7ae9921a81205"
    assert COLUMNS[-len(later) :] == later


@pytest.mark.parametrize("draw", [condition_deviates, stratified_deviates])
def test_later_columns_change_no_draw_of_the_others(draw: Callable[..., NDArray[np.float64]]) -> None:
    """Neither in a column nor in what the same generator draws next."""
    source, plain = np.random.default_rng(5), np.random.default_rng(5)
    earlier = COLUMNS.index("measured") + 1
    expected = (
        plain.random((7, earlier)) if draw is condition_deviates else qmc.LatinHypercube(earlier, rng=plain).random(7)
    )
    assert np.array_equal(draw(source, 7)[:, :earlier], expected)
    assert source.random() == plain.random()
    assert len(np.unique(draw(source, 7))) == 7 * len(COLUMNS)


def test_it_reads_back_alike_and_tells_only_what_is_given() -> None:
    chosen = whole(
        C21_nm={"loguniform": {"minimum": 1, "maximum": 100}},
        C12_nm={"choice": {"values": [1, 2], "weights": [1, 3]}},
        correlations=[{"between": ["C21_nm", "C12_nm"], "coefficient": -0.3}],
        measured={"columns": {"C30_mm": [0.1, 0.2]}},
    )
    written = chosen.model_dump(mode="json")
    assert set(written) == {*WHOLE, "C21_nm", "C12_nm", "correlations", "measured"}
    assert ImagingConditions.model_validate_json(json.dumps(written)) == chosen
    assert content_hash(chosen) == content_hash(ImagingConditions.model_validate(written))


@pytest.mark.parametrize(
    ("own", "default", "expected"),
    [
        ({"C30_um": 5.0}, {"C30_mm": 1.0}, {"C30_um"}),
        ({"C12a_nm": 5.0}, {"C12_nm": 1.0, "phi12_deg": 3.0}, {"C12a_nm"}),
        ({"C12_nm": 5.0}, {"phi12_deg": 3.0}, {"C12_nm", "phi12_deg"}),
        ({"measured": {"columns": {"C12_nm": [1]}}}, {"C12_nm": 1.0, "C30_mm": 1.0}, {"C30_mm"}),
        ({"C12_nm": 5.0}, {"measured": {"columns": {"C12_nm": [1]}}}, {"C12_nm"}),
    ],
)
def test_what_an_item_gives_goes_before_the_default(
    own: dict[str, object], default: dict[str, object], expected: set[str]
) -> None:
    merged = PartialConditions.model_validate(own).over(PartialConditions.model_validate(default))
    assert set(merged) - {"correlations", "measured"} == expected


def test_an_item_takes_its_columns_from_the_measured_default() -> None:
    default = PartialConditions.model_validate({"measured": {"columns": {"C12_nm": [1, 2], "C30_mm": [3, 4]}}})
    merged = PartialConditions.model_validate({"C12a_nm": 5.0}).over(default)
    assert merged["measured"].columns == {"C30_mm": (3.0, 4.0)}


def test_rare_draws_beyond_what_physics_allows_are_set_to_it() -> None:
    chosen = whole(dqe_zero={"normal": {"mean": 0.9, "sd": 0.025}}, C12_nm={"normal": {"mean": 4, "sd": 1}})
    tails = chosen.quantiles(np.repeat([[1e-9], [1 - 1e-9]], len(COLUMNS), axis=1))
    assert tails.dqe_zero[1] == 1 and tails.aberrations["C12"][0] == 0


def test_extremes_are_those_of_five_standard_deviations() -> None:
    chosen = whole(defocus_nm={"normal": {"mean": 3, "sd": 2}}, semiangle_cutoff_mrad=9.0, aperture_edge_mrad=1.0)
    assert (chosen.lowest("C10"), chosen.highest("C10")) == pytest.approx((-130, 70), abs=0.1)
    assert chosen.widest_semiangle == pytest.approx(9.5e-3)
    assert whole().widest_semiangle == math.inf


def test_a_probable_unit_is_told() -> None:
    (remark,) = whole(C30_mm=2.7e-7).remarks()
    assert "C30 = 2.7e-07 mm is implausibly small for the spherical aberration; 2.7 mm is 2.7e+07 A" in remark
    (remark,) = whole(Cs_nm=2.7).remarks()
    assert remark.endswith("C30 = 2.7 nm is implausibly small for the spherical aberration; 2.7 mm is 2.7e+07 A")
    (remark,) = whole(semiangle_cutoff_mrad=0.012).remarks()
    assert remark.endswith("0.012 rad would be plausible")
    (remark,) = whole(B2_mm=2.0).remarks()  # C21 is three times as much
    assert remark.endswith("C21 = 6 mm is implausibly large for the axial coma; 6 nm is 60 A")
    assert not whole(C30_mm=2.7, semiangle_cutoff_mrad=12.0, focal_spread_sigma_nm=1.0).remarks()


def test_conditions_without_aberrations_are_in_focus() -> None:
    assert {name: float(value) for name, value in Conditions.of(dose=torch.ones(1)).aberrations.items()} == {"C10": 0.0}


def test_conditions_are_made_of_known_fields_with_a_dose() -> None:
    with pytest.raises(ValueError, match="dose is missing"):
        Conditions.of(C10=torch.zeros(1))
    with pytest.raises(ValueError, match="C33: not known; allowed: C10, C12, phi12"):
        Conditions.of(dose=torch.ones(1), C33=torch.zeros(1))


def test_the_edge_of_an_aperture_reaches_beyond_its_semiangle() -> None:
    soft = whole(semiangle_cutoff_mrad=8.0, aperture_edge_mrad={"uniform": {"minimum": 2, "maximum": 6}})
    assert soft.widest_semiangle == pytest.approx(11e-3, rel=1e-6)
    assert whole(aperture_edge_mrad=6.0).widest_semiangle == np.inf


def test_ends_stay_within_the_bounds_as_draws_do() -> None:
    wide = whole(semiangle_cutoff_mrad={"normal": {"mean": 20, "sd": 5}})
    assert (wide.lowest("semiangle_cutoff"), wide.highest("semiangle_cutoff")) == (0, pytest.approx(45e-3, rel=1e-3))


def test_keys_that_change_nothing_by_themselves_are_known() -> None:
    assert whole(phi12_deg=30.0, aperture_edge_mrad=1.0, energy_spread_fwhm_ev=0.7).idle() == {
        "phi12_deg": "C12",
        "aperture_edge_mrad": "semiangle_cutoff",
        "energy_spread_fwhm_ev": "Cc",
    }
    used = {"C12_nm": 5.0, "phi12_deg": 30.0, "Cc_mm": 1.2, "voltage_instability_sigma_ppm": 0.3}
    assert whole(**used).idle() == {}


def test_a_camera_of_a_name_stands_for_its_keys() -> None:
    named = whole(camera="scintillator", dqe_zero=0.7)
    assert named == whole(mtf_half_frequency=0.3, transfer_exponent=1.0, scattering_share=0.0, dqe_zero=0.7)
    assert "camera" not in named.model_dump(mode="json")
    assert ImagingConditions.model_validate(named.model_dump(mode="json")) == named
    table = {"columns": {"dqe_zero": [0.5, 0.7]}}
    assert whole(camera="counting", measured=table).fields_given() >= {"dqe_zero", "scattering_share"}
    counting = PartialConditions.model_validate({"camera": "counting"}).over(named)
    assert float(whole(**counting).central().scattering_share) == 1
    assert float(whole(**counting).central().dqe_zero) == CAMERAS["counting"]["dqe_zero"]


def test_cameras_give_the_same_keys_so_that_one_replaces_another() -> None:
    assert len({tuple(keys) for keys in CAMERAS.values()}) == 1


def test_an_unknown_camera_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValidationError, match="camera = 'film'; must be one of scintillator, counting"):
        whole(camera="film")


def test_either_key_of_an_ntf_replaces_the_other_of_a_default() -> None:
    default = PartialConditions.model_validate({"camera": "scintillator"})
    own = PartialConditions.model_validate({"ntf_half_frequency": 0.5})
    assert "scattering_share" not in own.over(default)
    assert float(whole(**own.over(default)).central().ntf_half_frequency) == 0.5
    assert "scattering_share" not in whole(camera="scintillator", ntf_half_frequency=0.5).given()
    with pytest.raises(ValidationError, match="set the same parameter"):
        whole(ntf_half_frequency=0.5, scattering_share=0.1)
