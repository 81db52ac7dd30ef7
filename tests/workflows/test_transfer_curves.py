"""Transfer functions of named conditions against sines and cosines of chi, and what limits them."""

import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from temshift.conditions.imaging import ImagingConditions
from temshift.configuration.model import ConfigurationError
from temshift.core.electrons import wavelength
from temshift.core.errors import InputError
from temshift.figures.transfer_figures import TransferCurves
from temshift.information.comparison.compare import Bench, compare
from temshift.optics.limits import information_limit, point_resolution
from temshift.optics.microscope import Microscope
from temshift.optics.settings import ImagingSettings
from temshift.vocabulary.columns import TRANSFER_CURVES, TRANSFER_LIMITS
from temshift.workflows.transfer_curves import (
    PANELS,
    TransferSet,
    file_stems,
    limits_table,
    load_transfer_set,
    together,
    transfer_curves,
    transfer_of,
    write_transfer,
)

ROOT = Path(__file__).parents[2]
MICROSCOPE = Microscope(200e3)
LAMBDA = wavelength(200e3)
Array = NDArray[np.float64]


def curves(
    microscope: Microscope = MICROSCOPE, *, height: float = 0.0, signed: bool = True, **given: object
) -> TransferCurves:
    """Curves of conditions that leave out the dose."""
    conditions = ImagingConditions.model_validate({"dose_e_per_A2": 100, **given})
    return transfer_curves("a", conditions, microscope, height=height, signed=signed)


def columns(found: TransferCurves, azimuth: int = 0) -> dict[str, Array]:
    """The rows of one of the azimuths as arrays."""
    table = list(found.azimuths())[azimuth][1]
    return {name: table[name].to_numpy() for name in table.columns if table[name].dtype == pl.Float64}


def chi(q: Array, C10: float, C30: float = 0.0) -> Array:
    """The textbook's aberration function, lengths in A."""
    return math.pi * LAMBDA * C10 * q**2 + math.pi / 2 * C30 * LAMBDA**3 * q**4


def test_curves_are_sine_and_cosine_of_chi_times_envelopes() -> None:
    found = columns(curves(defocus_nm=65.8, C30_mm=1.2, focal_spread_sigma_nm=4, angular_spread_sigma_mrad=0.3))
    q, phase = found["q_per_A"], chi(found["q_per_A"], -658.0, 1.2e7)
    slope = 2 * math.pi / LAMBDA * (-658.0 * LAMBDA * q + 1.2e7 * (LAMBDA * q) ** 3)
    temporal, spatial = np.exp(-((math.pi * LAMBDA * 40 * q**2) ** 2) / 2), np.exp(-((0.3e-3 * slope) ** 2) / 2)
    assert found["temporal"] == pytest.approx(temporal, abs=1e-9)
    assert found["spatial"] == pytest.approx(spatial, abs=1e-9)
    assert found["phase_transfer"] == pytest.approx(np.sin(phase) * temporal * spatial, abs=1e-9)
    assert found["amplitude_transfer"] == pytest.approx(np.cos(phase) * temporal * spatial, abs=1e-9)
    assert found["envelope"] == pytest.approx(temporal * spatial, abs=1e-9)
    assert found["angle_mrad"] == pytest.approx(1e3 * LAMBDA * q)
    assert found["envelope"][-1] < 0.02 < found["envelope"][len(q) // 2]


def test_a_curve_has_points_enough_for_its_oscillations() -> None:
    found = columns(curves(defocus_nm=300, C30_mm=1.2, focal_spread_sigma_nm=2))
    turned = np.abs(np.diff(chi(found["q_per_A"], -3000.0, 1.2e7)))[found["envelope"][1:] > 0.05]
    assert turned.max() < math.pi / 2


def test_limits_of_a_round_lens_are_those_of_closed_forms() -> None:
    limits = curves(defocus_nm=58.9, C30_mm=1.2, focal_spread_sigma_nm=4, semiangle_cutoff_mrad=12).limits
    assert limits["scherzer_defocus_nm"] == pytest.approx(0.12 * math.sqrt(1.2e7 * LAMBDA))
    assert limits["information_limit_angstrom"] == pytest.approx(math.sqrt(math.pi * LAMBDA * 40 / 2))
    assert limits["aperture_angstrom"] == pytest.approx(LAMBDA / 0.012)
    assert limits["transfer_limit_angstrom"] == pytest.approx(LAMBDA / 0.012, rel=5e-3)
    assert limits["focal_spread_sigma_nm"] == pytest.approx(4)
    assert limits["nyquist_angstrom"] is None
    at_scherzer = curves(defocus_nm=limits["scherzer_defocus_nm"], C30_mm=1.2).limits
    assert at_scherzer["point_resolution_angstrom"] == pytest.approx(point_resolution(1.2e7, LAMBDA), rel=0.03)


def test_the_first_zero_of_a_defocused_lens_lies_where_chi_is_pi() -> None:
    limits = curves(defocus_nm=-40).limits
    assert limits["point_resolution_angstrom"] == pytest.approx(math.sqrt(LAMBDA * 400))
    assert limits["finest_point_resolution_angstrom"] == limits["point_resolution_angstrom"]
    assert limits["information_limit_angstrom"] is None and limits["scherzer_defocus_nm"] is None


def test_limits_are_told_under_an_aperture_that_passes_hardly_anything() -> None:
    limits = curves(defocus_nm=50, semiangle_cutoff_mrad=0.5).limits
    assert limits["transfer_limit_angstrom"] == pytest.approx(LAMBDA / 0.5e-3, rel=5e-3)


def test_an_azimuth_without_aberration_has_no_zero() -> None:
    for C30 in (0.0, -0.01):  # chi has no part in q^2 along 45 and 135 degrees
        limits = curves(defocus_nm=0, C12_nm=30, C30_mm=C30).limits
        assert 0.4 < limits["finest_point_resolution_angstrom"] < limits["point_resolution_angstrom"] < 3
    limits = curves(defocus_nm=0, C12_nm=30).limits
    assert limits["point_resolution_angstrom"] == pytest.approx(math.sqrt(LAMBDA * 300))


def test_in_focus_nothing_of_a_phase_is_transferred_and_nothing_resolved() -> None:
    found = curves(defocus_nm=0)
    assert np.abs(columns(found)["phase_transfer"]).max() == 0
    assert found.limits["point_resolution_angstrom"] is None
    assert columns(found)["q_per_A"][-1] == pytest.approx(2.5)  # nothing limits


def test_an_object_at_a_height_is_in_focus_at_that_defocus() -> None:
    high = curves(height=50.0, defocus_nm=25, C30_mm=0.5, focal_spread_sigma_nm=3)
    low = curves(defocus_nm=20, C30_mm=0.5, focal_spread_sigma_nm=3)
    assert columns(high)["phase_transfer"] == pytest.approx(columns(low)["phase_transfer"], abs=1e-9)
    for name in ("point_resolution_angstrom", "information_limit_angstrom"):
        assert high.limits[name] == pytest.approx(low.limits[name])
    assert high.limits["defocus_nm"] == pytest.approx(25) and high.limits["height_nm"] == pytest.approx(5)
    raised = high.limits["scherzer_defocus_nm"], low.limits["scherzer_defocus_nm"]
    assert raised[0] == pytest.approx(raised[1] + 5)  # counted from the same plane as the defocus


def test_astigmatism_shows_its_two_extreme_azimuths() -> None:
    found = curves(defocus_nm=20, C12_nm=12, phi12_deg=30, focal_spread_sigma_nm=2)
    assert [azimuth for azimuth, _ in found.azimuths()] == pytest.approx([30, 120])
    for azimuth, C10 in enumerate((-200 + 120, -200 - 120)):
        one = columns(found, azimuth)
        assert one["phase_transfer"] == pytest.approx(np.sin(chi(one["q_per_A"], C10)) * one["temporal"], abs=1e-9)
        assert (one["phase_transfer_lowest"] <= one["phase_transfer"]).all()
        assert (one["phase_transfer_highest"] >= one["phase_transfer"]).all()
    assert found.limits["point_resolution_angstrom"] == pytest.approx(math.sqrt(LAMBDA * 320))
    assert found.limits["finest_point_resolution_angstrom"] == pytest.approx(math.sqrt(LAMBDA * 80))


def test_limits_found_along_azimuths_join_those_of_a_round_lens() -> None:
    given = {"defocus_nm": 60, "C30_mm": 1.2, "focal_spread_sigma_nm": 3, "angular_spread_sigma_mrad": 0.3}
    limits = curves(**given, C12_nm=1e-6).limits
    closed = information_limit(LAMBDA, focal_spread_sigma=30, angular_spread_sigma=0.3e-3, C10=-600, C30=1.2e7)
    for name in ("information_limit_angstrom", "finest_information_limit_angstrom", "transfer_limit_angstrom"):
        assert limits[name] == pytest.approx(closed, rel=1e-4)


def test_coma_shifts_phases_but_not_the_size_of_transfer() -> None:
    found = curves(defocus_nm=10, C21_nm=300, phi21_deg=40, focal_spread_sigma_nm=2)
    assert len(list(found.azimuths())) == 1
    plane = found.plane
    qx, qy = np.meshgrid(plane.axis, plane.axis)
    alpha, phi = LAMBDA * np.hypot(qx, qy), np.arctan2(qy, qx)
    odd = 2 * math.pi / LAMBDA * 3000 * alpha**3 / 3 * np.cos(phi - math.radians(40))
    assert plane.shift is not None
    assert np.exp(1j * plane.shift) == pytest.approx(np.exp(-1j * odd), abs=1e-9)
    temporal = np.exp(-((math.pi * LAMBDA * 20 * np.hypot(qx, qy) ** 2) ** 2) / 2)
    assert plane.transfer == pytest.approx(np.sin(chi(np.hypot(qx, qy), -100.0)) * temporal, abs=1e-9)


def test_a_plane_without_odd_aberrations_has_no_phase() -> None:
    plane = curves(defocus_nm=10, C12_nm=5, phi12_deg=20).plane
    assert plane.shift is None
    assert plane.transfer == pytest.approx(plane.transfer[::-1, ::-1])
    qx, qy = np.meshgrid(plane.axis, plane.axis)
    C10 = -100 + 50 * np.cos(2 * (np.arctan2(qy, qx) - math.radians(20)))
    assert plane.transfer == pytest.approx(np.sin(math.pi * LAMBDA * C10 * (qx**2 + qy**2)), abs=1e-9)


def test_camera_and_motion_multiply_transfer() -> None:
    imaging = ImagingSettings.model_validate({"camera": {"binning": 2}})
    given = {"defocus_nm": -30, "mtf_half_frequency": 0.5, "drift_nm": 0.2, "drift_azimuth_deg": 90}
    found = curves(Microscope(200e3, imaging, 1.25), **given)
    one = columns(found)
    q = one["q_per_A"]
    assert one["camera"] == pytest.approx(2 ** -((q / 1.25 / 0.5) ** 2))
    assert [azimuth for azimuth, _ in found.azimuths()] == pytest.approx([0, 90])
    assert one["motion"] == pytest.approx(1.0)  # across the drift
    along = columns(found, 1)
    assert along["motion"] == pytest.approx(np.exp(-2 * math.pi**2 * 2.0**2 / 12 * q**2))
    assert along["phase_transfer"] == pytest.approx(np.sin(chi(q, 300.0)) * along["motion"] * along["camera"])
    assert found.limits["nyquist_angstrom"] == pytest.approx(1.6)  # of binned pixels
    assert q[-1] == pytest.approx(1.08 / 1.6)


def test_draws_make_a_band_and_fixed_conditions_none() -> None:
    found = columns(curves(defocus_nm={"uniform": {"minimum": 5, "maximum": 15}}, semiangle_cutoff_mrad=10))
    q = found["q_per_A"][:100]  # where sin chi falls with defocus
    for column, defocus in (("phase_transfer_p10", 140), ("phase_transfer_p90", 60)):
        assert np.sin(chi(q, -defocus))[-1] == pytest.approx(found[column][99], rel=0.15)
    assert (found["phase_transfer_p10"] <= found["phase_transfer_p90"]).all()
    assert curves(defocus_nm=5).table["phase_transfer_p90"].null_count() > 0


def test_unsigned_transfer_is_its_size() -> None:
    given = {"defocus_nm": {"normal": {"mean": 10, "sd": 3}}, "C12_nm": 3, "focal_spread_sigma_nm": 2}
    signed, unsigned = curves(**given), curves(**given, signed=False)
    for name in ("phase_transfer", "amplitude_transfer"):
        assert unsigned.table[name].to_numpy() == pytest.approx(np.abs(signed.table[name].to_numpy()))
    assert unsigned.table["phase_transfer_p10"].min() >= 0
    assert unsigned.plane.transfer.min() >= 0 > signed.plane.transfer.min()


FILE = """
seed: 1
energy_kev: 200
default: {dose_e_per_A2: 100, focal_spread_sigma_nm: 2}
conditions:
  - {name: under, defocus_nm: 20}
  - {name: astigmatic, defocus_nm: {normal: {mean: 10, sd: 2}}, C12_nm: 5, C21_nm: 100}
"""


def write(path: Path, text: str = FILE) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def made(found: TransferSet) -> list[TransferCurves]:
    return [transfer_curves(name, one, found.microscope) for name, one in found.named]


@pytest.mark.slow
def test_tables_and_pictures_are_written_whole(tmp_path: Path) -> None:
    found = made(load_transfer_set(write(tmp_path / "set.yaml")))
    written = write_transfer(found, tmp_path / "out")
    stems = {"overview", "under_curves", "under_plane", "astigmatic_curves", "astigmatic_plane"}
    names = {"transfer.csv", "limits.csv", *(f"{stem}.{end}" for stem in stems for end in ("png", "svg"))}
    assert {path.name for path in written} == names == {path.name for path in (tmp_path / "out").iterdir()}
    table = pl.read_csv(tmp_path / "out" / "transfer.csv")
    assert table.columns == list(TRANSFER_CURVES)
    assert table.group_by("condition").agg(pl.col("azimuth_deg").n_unique()).sort("condition").rows() == [
        ("astigmatic", 2),
        ("under", 1),
    ]
    limits = pl.read_csv(tmp_path / "out" / "limits.csv")
    assert limits.columns == list(TRANSFER_LIMITS)
    assert limits["aperture_angstrom"].null_count() == 2 and limits["defocus_nm"].to_list() == [20, 10]


def test_names_that_give_the_same_file_are_told_apart() -> None:
    assert file_stems(["a b", "A/b", "a_b", "c"]) == ["a_b", "A_b-2", "a_b-3", "c"]


def test_limits_that_are_not_there_are_empty_cells() -> None:
    table = limits_table([curves(defocus_nm=0), curves(defocus_nm=5, semiangle_cutoff_mrad=9)])
    assert table.schema == pl.Schema(TRANSFER_LIMITS)
    assert table["aperture_angstrom"].to_list() == [None, pytest.approx(LAMBDA / 9e-3)]
    assert table["point_resolution_angstrom"].null_count() == 1


def test_an_image_set_needs_one_energy(tmp_path: Path) -> None:
    without = write(tmp_path / "set.yaml", FILE.replace("energy_kev: 200\n", ""))
    with pytest.raises(InputError, match=r"gives no electron energy; add energy_kev: 300 to it, or give --energy-kev"):
        load_transfer_set(without)
    assert load_transfer_set(without, energy_kev=80).microscope.energy == 80e3
    own = write(tmp_path / "own.yaml")
    assert load_transfer_set(own, energy_kev=200).microscope.energy == 200e3
    with pytest.raises(InputError, match=r"--energy-kev 300: .* has its own energy_kev, 200; leave the option out"):
        load_transfer_set(own, energy_kev=300)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name: a\nseed: 1\n", r"line 1, test: is missing; this key is required"),
        ("- 1\n", r"must be a mapping"),
        ("a: [1\n", r"is not YAML"),
        (FILE.replace("C12_nm", "C12"), r"unknown key.*C12_nm"),
    ],
)
def test_a_file_of_another_kind_is_refused(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(InputError) as caught:
        load_transfer_set(write(tmp_path / "set.yaml", text), energy_kev=200)
    assert re.search(told, str(caught.value), flags=re.DOTALL)


def test_an_absent_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read .*absent\.yaml"):
        load_transfer_set(tmp_path / "absent.yaml")


def test_conditions_are_chosen_by_name(tmp_path: Path) -> None:
    found = load_transfer_set(write(tmp_path / "set.yaml"))
    assert [name for name, _ in found.only(["astigmatic"]).named] == ["astigmatic"]
    assert [name for name, _ in found.only([]).named] == ["under", "astigmatic"]
    with pytest.raises(InputError, match=r"--condition 'astigmatc' is not there; allowed: .*; nearest: 'astigmatic'"):
        found.only(["astigmatc"])


@pytest.mark.slow
def test_many_conditions_have_several_overviews(tmp_path: Path) -> None:
    (one, _) = made(load_transfer_set(write(tmp_path / "set.yaml")))
    limits = [
        {**one.limits, "defocus_nm": float(number)} for number in range(PANELS + 1)
    ]  # equal curves are drawn once
    many = [replace(one, name=f"c{number}", limits=each) for number, each in enumerate(limits)]
    names = {path.name for path in write_transfer(many, tmp_path / "out")}
    assert {name for name in names if name.startswith("overview")} == {
        f"overview-{number}.{end}" for number in (1, 2) for end in ("png", "svg")
    }
    assert len(names) == 2 + 4 + 4 * (PANELS + 1)


def test_a_key_that_changes_nothing_is_told_where_no_condition_uses_it(tmp_path: Path) -> None:
    text = FILE.replace("defocus_nm: 20}", "defocus_nm: 20, drift_azimuth_deg: 30}")
    (remark,) = load_transfer_set(write(tmp_path / "set.yaml", text)).remarks()
    assert remark.startswith("'under': drift_azimuth_deg changes nothing without drift_nm; give it, or leave ")
    used = text.replace("name: astigmatic,", "name: astigmatic, drift_nm: 0.1,")
    assert used != text
    assert load_transfer_set(write(tmp_path / "used.yaml", used)).remarks() == []


def test_doubtful_conditions_are_told(tmp_path: Path) -> None:
    text = FILE.replace("defocus_nm: 20}", "defocus_nm: 20, mtf_half_frequency: 0.5, C30_mm: 2.7e-7}")
    path = write(tmp_path / "set.yaml", text)
    unit, camera = load_transfer_set(path).remarks()
    assert unit.startswith("'under': C30_mm = 2.7e-07: ")
    assert camera == (
        "'under': the camera's MTF is left out, as the size of its pixels is unknown; give --sampling-angstrom"
    )
    assert len(load_transfer_set(path, sampling=0.5).remarks()) == 1


def test_a_study_tells_energy_and_pixels_and_both_roles(tmp_path: Path) -> None:
    text = (ROOT / "examples" / "tiny.yaml").read_text(encoding="utf-8")
    path = write(tmp_path / "study.yaml", text)
    found = load_transfer_set(path)
    assert found.microscope.energy == 300e3 and found.microscope.nyquist == pytest.approx(0.5 / 0.4, rel=0.02)
    assert len({name for name, _ in found.named}) == len(found.named)
    with pytest.raises(InputError, match=r"--sampling-angstrom 1: .* has its own pixels"):
        load_transfer_set(path, sampling=1.0)


def test_faults_of_a_set_are_told_with_their_lines(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"line 6, conditions\.0"):
        load_transfer_set(write(tmp_path / "set.yaml", FILE.replace("{name: under,", "{name: under, dose: 3,")))


def dose_set(*, more: str = "", count: int = 4) -> str:
    doses = ", ".join(str(10 * 3**number) for number in range(count))
    return (
        "seed: 1\nenergy_kev: 300\n"
        f"default: {{semiangle_cutoff_mrad: 15, focal_spread_sigma_nm: 1{more}}}\nconditions:\n"
        f'  - {{name: "under, {{value:g}} e/A2", series: dose_e_per_A2, values: [{doses}], defocus_nm: 5}}\n'
        f'  - {{name: "over, {{value:g}} e/A2", series: dose_e_per_A2, values: [{doses}], defocus_nm: -5}}\n'
    )


def test_conditions_that_differ_in_dose_alone_are_drawn_once_with_their_names_doses_and_bits(tmp_path: Path) -> None:
    (tmp_path / "set.yaml").write_text(dose_set(), encoding="utf-8")
    every = transfer_of(load_transfer_set(tmp_path / "set.yaml"))
    once = together(every)
    assert [drawn.name for drawn in once] == ["under, 10 e/A2 and 3 more", "over, 10 e/A2 and 3 more"]
    assert [member.name for member in once[0].members] == [f"under, {dose} e/A2" for dose in (10, 30, 90, 270)]
    assert [member.dose for member in once[0].members] == [10, 30, 90, 270]
    bits = [member.bits for member in once[0].members]
    assert all(bits) and bits == sorted(set(bits))  # more electrons, more information
    written = write_transfer(every, tmp_path / "out")
    pictures = {path.name for path in written if path.suffix == ".png"}
    stems = ("under_10_e_A2", "over_10_e_A2")
    assert pictures == {"overview.png", *(f"{stem}_{kind}.png" for stem in stems for kind in ("curves", "plane"))}
    limits = pl.read_csv(tmp_path / "out" / "limits.csv")
    assert limits["dose_e_per_A2"].to_list() == [10, 30, 90, 270] * 2
    assert limits["epsilon_bits"].to_list()[:4] == pytest.approx(bits, rel=1e-5)
    assert pl.read_csv(tmp_path / "out" / "transfer.csv")["condition"].n_unique() == 8


def test_epsilon_is_that_of_compare(tmp_path: Path) -> None:
    (tmp_path / "set.yaml").write_text(dose_set(count=1), encoding="utf-8")
    transfer_set = load_transfer_set(tmp_path / "set.yaml")
    (under, over), named = transfer_of(transfer_set), dict(transfer_set.named)
    compared = compare(*named.values(), bench=Bench(300e3, rules=()))
    assert under.limits["epsilon_bits"] == pytest.approx(compared.training.information.epsilon)
    assert over.limits["epsilon_bits"] == pytest.approx(compared.test.information.epsilon)


@pytest.mark.parametrize(
    ("more", "drawn"),
    [
        ("", 2),
        (", read_noise_counts: 3", 8),  # the DQE of each dose is another
        (", dqe_zero: 0.6", 2),
        (", defocus_nm: 7", 2),
    ],
)
def test_only_conditions_of_the_same_curves_are_drawn_together(more: str, drawn: int, tmp_path: Path) -> None:
    (tmp_path / "set.yaml").write_text(dose_set(more=more), encoding="utf-8")
    assert len(together(transfer_of(load_transfer_set(tmp_path / "set.yaml", sampling=0.2)))) == drawn


def test_curves_that_differ_a_little_are_drawn_each(tmp_path: Path) -> None:
    alike, other = curves(defocus_nm=5), curves(defocus_nm=5.001)
    assert len(together([alike, replace(alike, name="b")])) == 1
    assert [drawn.members for drawn in together([alike, other])] == [(), ()]


def test_without_the_size_of_a_pixel_that_the_camera_needs_no_bits_are_given(tmp_path: Path) -> None:
    (tmp_path / "set.yaml").write_text(dose_set(more=", mtf_half_frequency: 0.5"), encoding="utf-8")
    assert {drawn.limits["epsilon_bits"] for drawn in transfer_of(load_transfer_set(tmp_path / "set.yaml"))} == {None}
    known = transfer_of(load_transfer_set(tmp_path / "set.yaml", sampling=0.4))
    assert all(drawn.limits["epsilon_bits"] for drawn in known)


def test_images_that_no_sum_is_exact_for_are_remarked_once_with_the_widest_aperture(tmp_path: Path) -> None:
    text = dose_set().replace("semiangle_cutoff_mrad: 15, focal_spread_sigma_nm: 1", "focal_spread_sigma_nm: 4")
    (tmp_path / "set.yaml").write_text(text, encoding="utf-8")
    (remark,) = load_transfer_set(tmp_path / "set.yaml").remarks()
    assert "and 2 more: the focal spread turns phases by" in remark
    assert "semiangle_cutoff_mrad of at most 43.35 works" in remark
    assert load_transfer_set(tmp_path / "set.yaml", sampling=0.4).remarks() == []
    (tmp_path / "set.yaml").write_text("imaging: {coherence: envelope}\n" + text, encoding="utf-8")
    assert load_transfer_set(tmp_path / "set.yaml").remarks() == []


def test_a_camera_whose_curve_rises_by_noise_is_remarked(tmp_path: Path) -> None:
    table = "{frequency_nyquist: [0, 0.9, 0.95, 1], value: [1, 0.5, 0.502, 0.4]}"
    text = f"imaging: {{camera: {{mtf_table: {table}}}}}\n{dose_set()}"
    (tmp_path / "set.yaml").write_text(text, encoding="utf-8")
    (remark,) = load_transfer_set(tmp_path / "set.yaml", sampling=0.4).remarks()
    assert remark.startswith("imaging.camera.mtf_table rises by 0.002 at 0.95 of Nyquist; this is taken for noise")
