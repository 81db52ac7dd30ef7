"""A study that uses the whole of image formation: camera, binning, partial coherence, every way to write conditions."""

import json
import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from temshift.conditions.imaging import ImagingConditions
from temshift.conditions.named import lens_remarks
from temshift.conditions.summary import summary
from temshift.configuration.model import ConfigurationError, load_configuration, parse_configuration
from temshift.configuration.yaml_document import read_document, write_document
from temshift.core.grids import Grid
from temshift.micrographs.formation import MicrographSource, form_micrographs
from temshift.optics.feasibility import imaging_faults, imaging_remarks
from temshift.optics.image_formation import image_intensities, wave_spectra
from temshift.optics.settings import ImagingSettings
from temshift.report import build_matrix, load_study
from temshift.storage.files import read_json
from temshift.studies import Study, StudyFolder, run_study
from temshift.studies.planning.part import Part
from temshift.studies.planning.plan import Plan
from temshift.studies.sources import source_of
from temshift.vocabulary.parameters import CANONICAL

USUAL = {"defocus_nm": -10, "dose_e_per_A2": 400}
WHOLE = """
imaging:
  tolerance: 0.01
  camera:
    binning: 2
    shape: lorentzian
    mtf_table: {frequency_per_pixel: [0, 0.25, 0.5], value: [1, 0.8, 0.5]}
conditions:
  default: {dose_e_per_A2: 400, semiangle_cutoff_mrad: 12.0, focal_spread_sigma_nm: 1.0}
  training:
    - name: everything
      defocus_nm: {normal: {mean: -10, sd: 5}}
      dose_e_per_A2: {loguniform: {minimum: 100, maximum: 1600}}
      C12a_nm: {normal: {mean: 0, sd: 3}}
      C12b_nm: {normal: {mean: 0, sd: 3}}
      C21_nm: {uniform: {minimum: 0, maximum: 500}}
      phi21_deg: {uniform: {minimum: 0, maximum: 360}}
      angular_spread_sigma_mrad: 0.2
      pixel_size_error_percent: {normal: {mean: 0, sd: 1}}
      correlations: [{between: [defocus_nm, C21_nm], coefficient: 0.5}]
    - {name: focus, defocus_nm: 0}
  test:
    - name: measured
      measured: {columns: {defocus_nm: [-12, -10, -8], C30_mm: [0.1, 0.2, 0.4]}, weights: [1, 2, 1]}
    - {name: "pixels {value:g} % larger", series: pixel_size_error_percent, values: [3], defocus_nm: -10}
    - {name: "MTF {value:g}", series: mtf_half_frequency, values: [0.5, 0.8], defocus_nm: -10}
    - {name: noisy, defocus_nm: -10, read_noise_counts: 2, gain_counts_per_e: 3, dqe_zero: 0.8, drift_nm: 0.1}
    - {name: tilted, defocus_nm: -10, angular_spread_sigma_mrad: 0.3}
    - {name: plain, defocus_nm: -10}
training: {steps: 3, batch: 4}
counts: {training: 6, test: 3, per_shard: 3}
information: {specimens: 3, draws: 16, observers: false}
examples: {specimens: 2, conditions: ["pixels 3 % larger", plain], networks: [everything]}
"""


@pytest.fixture(scope="module")
def whole(tiny_text: str) -> dict[str, Any]:
    parts: dict[str, Any] = deepcopy(read_document(tiny_text).data)
    return parts | read_document(WHOLE).data


@pytest.fixture(scope="module")
def study(whole: dict[str, Any]) -> Study:
    return Study.model_validate(whole)


@pytest.fixture(scope="module")
def folder(study: Study, tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    return run_study(study, tmp_path_factory.mktemp("whole") / "study", workers=0)


def whole_part(study: Study) -> Part:
    (part,) = Plan(study).parts
    return part


def test_every_condition_is_scored_on_binned_images(folder: StudyFolder, study: Study) -> None:
    results = pl.read_parquet(folder.table("results"))
    assert len(results) == 2 * 7
    assert results["cross_entropy"].is_finite().all()
    examples = load_study(folder.root).examples
    assert study.grid.shape == (64, 64)
    assert examples.images.shape == (2, 2, 32, 32)
    assert examples.probabilities.shape == (1, 2, 2, 32, 32)
    assert examples.sampling == pytest.approx(0.8)


def test_a_soft_aperture_is_whole_in_the_waves_that_are_kept(whole: dict[str, Any]) -> None:
    """The aperture lets pass up to half its edge beyond the semiangle; waves kept up to there give the same image."""
    soft = {"semiangle_cutoff_mrad": 6, "aperture_edge_mrad": 6}
    sets = {role: [{"name": "soft", "defocus_nm": 10}] for role in ("training", "test")}
    study = Study.model_validate(whole | {"conditions": {"default": USUAL | soft, **sets}, "examples": {}})
    assert study.widest_semiangle == pytest.approx(9e-3)
    noise = torch.randn(1, 1, *study.grid.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    (_, conditions), *_ = study.conditions.resolved("test")
    kept, every = (
        image_intensities(
            wave_spectra(torch.exp(0.3j * noise), study.grid, study.exit_waves.energy, widest),
            torch.tensor([0]),
            conditions.central(),
        )
        for widest in (study.widest_semiangle, np.inf)
    )
    assert float((kept - every).abs().max()) < 1e-12


@pytest.mark.parametrize(
    ("given", "faults"),
    [
        (
            {"semiangle_cutoff_mrad": 5, "aperture_edge_mrad": 11},
            ["shades the direct beam; at most twice"],
        ),
        ({"semiangle_cutoff_mrad": 24, "aperture_edge_mrad": 2}, ["and half the edge reach 25.00, .* at most 24.61"]),
        ({"semiangle_cutoff_mrad": 0.9}, ["passes hardly a spatial frequency of this cell; at least 2.31 mrad"]),
        (
            {"semiangle_cutoff_mrad": {"normal": {"mean": 20, "sd": 5}}},
            ["semiangle_cutoff_mrad = 0 passes hardly", "semiangle_cutoff_mrad reaches 44.9"],
        ),
        ({"semiangle_cutoff_mrad": 8, "aperture_edge_mrad": 6}, []),
        ({"aperture_edge_mrad": 60}, []),
    ],
)
def test_apertures_that_images_cannot_be_formed_with_are_told(given: dict[str, Any], faults: list[str]) -> None:
    named = [("one", ImagingConditions.model_validate(USUAL | given))]
    texts = list(imaging_faults(named, ImagingSettings(), Grid((64, 64), (0.4, 0.4)), 300e3))
    assert len(texts) == len(faults)
    assert all(re.search(fault, text) for fault, text in zip(faults, texts, strict=True)), texts


def test_keys_that_change_nothing_are_told_unless_a_default_serves_others() -> None:
    alone, other = (ImagingConditions.model_validate(USUAL | {"phi12_deg": 30} | more) for more in ({}, {"C12_nm": 5}))
    assert lens_remarks([("alone", alone)]) == [
        ("alone", "phi12_deg changes nothing without C12_nm; give it, or leave phi12_deg out")
    ]
    assert lens_remarks([("alone", alone), ("other", other)]) == []


def test_a_remark_on_several_conditions_is_told_once() -> None:
    doubtful = ImagingConditions.model_validate(USUAL | {"C30_mm": 2.7e-7, "semiangle_cutoff_mrad": 12})
    named = [("one", doubtful), ("two", doubtful)]
    (remark,) = imaging_remarks(named, ImagingSettings(), Grid((64, 64), (0.4, 0.4)), 300e3)
    assert remark.startswith("'one', 'two': C30_mm = 2.7e-07: ")


def test_masks_of_the_report_follow_the_size_of_pixels(folder: StudyFolder, study: Study) -> None:
    masks = load_study(folder.root).examples.masks
    test = next(test for test in whole_part(study).tests if test.name == "pixels 3 % larger")
    source = source_of(folder.root, test.source, "cpu")
    _, formed = form_micrographs(source, test.conditions, np.arange(2), range(2), test.stream)
    np.testing.assert_array_equal(masks[:, 0], formed[:, 0].numpy())
    assert (masks[:, 0] != masks[:, 1]).any()


def test_the_report_shows_every_axis_and_no_made_up_number(folder: StudyFolder) -> None:
    study = load_study(folder.root)
    matrix = build_matrix(study.results, study.metrics, study.manifest.trainings)
    assert [axis.key for axis in matrix.groups] == [
        "defocus_nm",
        "C30_mm",
        "angular_spread_sigma_mrad",
        "pixel_size_error_percent",
        "mtf_half_frequency",
        "several",
    ]
    page = folder.report.read_text(encoding="utf-8")
    data = json.loads(page.split('<script type="application/json" id="data">')[1].split("</script>")[0])
    mtf = next(group for group in data["groups"] if group["key"] == "mtf_half_frequency")
    assert mtf["absent"] == "perfect"
    assert mtf["beyond"] > 0.8
    trainings = data["trainings"]
    words = trainings["words"][trainings["names"].index("everything")]
    assert words.startswith("defocus −10 ± 5 nm, dose 400 ± 40")
    assert "axial coma C21 250 ± 144 nm" in words


def test_the_mtf_lowers_the_transfer_that_is_drawn(folder: StudyFolder, study: Study) -> None:
    curves = pl.read_parquet(folder.table("transfer")).filter(pl.col("role") == "test")
    plain, blurred = (curves.filter(pl.col("name") == name) for name in ("plain", "MTF 0.5"))
    frequency = plain["q_per_A"].to_numpy() / study.grid.nyquist
    passes = plain["envelope"].to_numpy() > 1e-3
    ratio = blurred["envelope"].to_numpy()[passes] / plain["envelope"].to_numpy()[passes]
    np.testing.assert_allclose(ratio, 1 / (1 + (frequency[passes] / 0.5) ** 2), rtol=1e-6)


def test_epsilon_knows_dose_and_camera(folder: StudyFolder) -> None:
    metrics = pl.read_parquet(folder.table("metrics")).filter(pl.col("training_name") == "focus")
    epsilon = dict(metrics.select("test_name", "epsilon_test").rows())
    assert epsilon["MTF 0.5"] < epsilon["MTF 0.8"] < epsilon["plain"]
    assert epsilon["noisy"] < epsilon["plain"]


def test_the_saved_study_reads_back_alike(folder: StudyFolder, study: Study) -> None:
    saved = load_configuration(folder.study_file, Study)
    assert saved == study
    assert [run.id for run in Plan(saved).networks] == [run.id for run in Plan(study).networks]


def test_files_of_measured_conditions_and_of_the_camera_are_held_inline(
    whole: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("session.csv").write_text("defocus_nm,C12_nm\n-10,2\n-8,3\n")
    Path("camera.csv").write_text("frequency_nyquist,value\n0,1\n0.5,0.7\n1,0.4\n")
    given = deepcopy(whole)
    given["imaging"]["camera"]["mtf_table"] = {"file": "camera.csv"}
    given["conditions"]["test"] = [{"name": "measured", "measured": {"file": "session.csv"}}]
    given["examples"] = {"specimens": 1}
    study = Study.model_validate(given)
    text = write_document(study.resolved())
    for name in ("session.csv", "camera.csv"):
        Path(name).unlink()
        assert name not in text
    assert parse_configuration(text, Study, "study.yaml") == study


@pytest.mark.parametrize(
    "change",
    [
        {"coherence": "envelope"},
        {"tolerance": 1e-4},
        {"camera": {"binning": 1}},
        {"camera": {"shape": "gaussian"}},
        {"camera": {"mtf_table": {"frequency_nyquist": [0, 1], "value": [1, 0.5]}}},
    ],
)
def test_how_images_are_formed_enters_every_id(whole: dict[str, Any], change: dict[str, Any]) -> None:
    given = deepcopy(whole)
    given["imaging"]["camera"] |= change.pop("camera", {})
    given["imaging"] |= change
    before, after = (whole_part(Study.model_validate(one)) for one in (whole, given))
    assert not {run.id for run in before.networks} & {run.id for run in after.networks}
    assert not {test.id for test in before.tests} & {test.id for test in after.tests}
    assert [waves.id for waves in before.databases.values()] == [waves.id for waves in after.databases.values()]


def test_another_test_condition_changes_no_other_id(whole: dict[str, Any]) -> None:
    given = deepcopy(whole)
    given["conditions"]["test"].append({"name": "new", "defocus_nm": -3, "angular_spread_sigma_mrad": 0.4})
    before, after = (whole_part(Study.model_validate(one)) for one in (whole, given))
    assert [run.id for run in before.networks] == [run.id for run in after.networks]
    old = [test.id for test in before.tests]
    assert [test.id for test in after.tests][: len(old)] == old


def test_a_camera_that_does_not_divide_the_image_is_refused(whole: dict[str, Any]) -> None:
    given = deepcopy(whole)
    given["imaging"]["camera"]["binning"] = 3
    with pytest.raises(ConfigurationError, match="3 does not divide 64 x 64 pixels"):
        parse_configuration(write_document(given), Study, "study.yaml")


def test_other_conditions_of_a_study_leave_images_as_they_are(folder: StudyFolder, study: Study) -> None:
    """Stored spectra hold more frequencies where another condition needs them; no image may change by that."""
    part = whole_part(study)
    source = source_of(folder.root, part.sources["test"], "cpu")
    limit = 0.98 * source.spectra.grid.nyquist * source.spectra.band.wavelength / 2
    generator = torch.Generator().manual_seed(1)
    waves = torch.randn(3, 1, 64, 64, generator=generator, dtype=torch.complex64) * 0.1 + 1
    grid = Grid((64, 64), (0.4, 0.4))
    for test in part.tests:
        formed = []
        for band in ((12e-3, 1.5e-3), (limit, 4e-3)):
            spectra = wave_spectra(waves, grid, study.exit_waves.energy, *band)
            own = MicrographSource(spectra, source.masks, study.imaging)
            formed.append(form_micrographs(own, test.conditions, np.arange(3), range(3), test.stream)[0])
        assert torch.equal(*formed), test.name


def test_summary_of_conditions_written_in_other_units() -> None:
    given = {"focal_spread_one_over_e_nm": 2.0, "C30_um": {"uniform": {"minimum": 100, "maximum": 300}}}
    settings = summary(ImagingConditions.model_validate(USUAL | given))
    assert settings["focal_spread_sigma_nm"] == pytest.approx((2**0.5, 0))
    assert settings["C30_mm"] == pytest.approx((0.2, 0.2 / 12**0.5))
    assert settings["semiangle_cutoff_mrad"] == (None, 0)
    assert settings["defocus_nm"] == (-10, 0)
    assert list(settings) == [row.key for row in CANONICAL]


def test_summary_of_cartesian_components_tells_magnitude_and_azimuth() -> None:
    fixed = summary(ImagingConditions.model_validate(USUAL | {"C12a_nm": 0.0, "C12b_nm": 4.0}))
    assert fixed["C12_nm"] == pytest.approx((4, 0))
    assert fixed["phi12_deg"] == pytest.approx((45, 0))
    normal = {"normal": {"mean": 0, "sd": 3}}
    spread = summary(ImagingConditions.model_validate(USUAL | {"C12a_nm": normal, "C12b_nm": normal}))
    # a Rayleigh distribution: median s sqrt(2 ln 2), variance (2 - pi / 2) s^2
    assert spread["C12_nm"].center == pytest.approx(3 * np.sqrt(2 * np.log(2)), rel=0.1)
    assert spread["C12_nm"].sd == pytest.approx(3 * np.sqrt(2 - np.pi / 2), rel=0.1)


def test_summary_of_measured_conditions_is_their_median() -> None:
    table = {"columns": {"defocus_nm": [30.0, -10.0, 5.0]}}
    settings = summary(ImagingConditions.model_validate({"measured": table, "dose_e_per_A2": 400}))
    assert settings["defocus_nm"].center == 5
    assert settings["defocus_nm"].sd == pytest.approx(np.std([30, -10, 5]))


def test_the_manifest_tells_what_networks_were_trained_on(folder: StudyFolder) -> None:
    trainings = read_json(folder.manifest)["trainings"]
    assert trainings["focus"]["defocus_nm"] == [0, 0]
    assert trainings["everything"]["defocus_nm"] == pytest.approx([-10, 5])
    assert trainings["focus"]["mtf_half_frequency"] == [None, 0]
    assert "Cc_mm" not in trainings["focus"]


def test_the_quick_study_varies_what_it_promises() -> None:
    study = load_configuration(Path(__file__).parents[2] / "examples" / "quick_study.yaml", Study)
    tests = [summary(conditions) for _, conditions in study.conditions.resolved("test")]
    varied = {key for key in tests[0] if len({one[key].center for one in tests}) > 1 and not key.startswith("phi")}
    assert varied == {
        "defocus_nm",
        "dose_e_per_A2",
        "C12_nm",
        "C21_nm",
        "C30_mm",
        "focal_spread_sigma_nm",
        "mtf_half_frequency",
        "ntf_half_frequency",
        "transfer_exponent",
        "scattering_share",
        "dqe_zero",
    }
    assert len(tests) <= 55
    assert study.remarks() == []
