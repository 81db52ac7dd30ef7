"""Scores of anyone's network: the same as by hand, whatever the batches, with faults told."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from sklearn import metrics

from temshift.conditions import ImagingConditions
from temshift.configuration.model import ConfigurationError
from temshift.core.errors import InputError, TemshiftError
from temshift.core.hashes import content_hash
from temshift.exitwaves import read_layout, read_masks, read_waves
from temshift.micrographs import MicrographSource, Stream, form_micrographs
from temshift.optics import wave_spectra
from temshift.scoring import ScoringConditions, evaluation, score
from temshift.vocabulary.columns import RESULTS

DEFAULT = {"dose_e_per_A2": 400, "semiangle_cutoff_mrad": 12.0, "defocus_nm": 10}
FOCI = {"name": "defocus {value:+g} nm", "series": "defocus_nm", "values": [-10, 0, 10], "sd": 1.5}
WANTED = {"default": DEFAULT, "test": [FOCI]}


def blurred(images: torch.Tensor) -> torch.Tensor:
    """A network of one filter."""
    return torch.nn.functional.avg_pool2d(images, 5, 1, 2, count_include_pad=False)


def test_scores_are_those_of_images_formed_by_hand(discs: Path) -> None:
    """One image of every specimen, drawn from a stream that belongs to the seed and to the content of the condition."""
    scores = score(blurred, discs, WANTED | {"seed": 7})
    store = discs / "waves" / "test"
    spectra = wave_spectra(read_waves(store), read_layout(store).grid, 300e3, 12e-3)
    source, numbers = MicrographSource(spectra, read_masks(store)), np.arange(5)
    for row, (_, conditions) in zip(
        scores.iter_rows(named=True), ScoringConditions.model_validate(WANTED).tests.items(), strict=True
    ):
        stream = Stream(7, (1, int(content_hash(conditions)[:8], 16)))
        images, masks = form_micrographs(source, conditions, numbers, numbers.tolist(), stream)
        probability, truth = torch.sigmoid(blurred(images).double()).flatten().numpy(), masks.flatten().numpy()
        assert row["cross_entropy"] == pytest.approx(metrics.log_loss(truth, probability), rel=1e-5)
        assert row["iou"] == pytest.approx(metrics.jaccard_score(truth, probability > 0.5), rel=1e-3)


def test_a_network_that_never_decides_scores_ln_2_everywhere(discs: Path) -> None:
    scores = score(torch.zeros_like, discs, WANTED)
    assert scores["cross_entropy"].to_list() == pytest.approx([math.log(2)] * 3)
    assert scores["f1"].to_list() == [0.0] * 3
    share = float(read_masks(discs / "waves" / "test").double().mean())
    assert scores["calibration_error"].to_list() == pytest.approx([0.5 - share] * 3)
    assert scores["images"].to_list() == [5] * 3


def test_the_table_has_the_columns_of_results_and_all_settings(discs: Path) -> None:
    scores = score(blurred, discs, WANTED)
    assert scores.schema == pl.Schema(RESULTS)
    assert scores["test_name"].to_list() == ["defocus -10 nm", "defocus +0 nm", "defocus +10 nm"]
    assert scores["test_defocus_nm"].to_list() == pytest.approx([-10, 0, 10])
    assert set(scores["test_semiangle_cutoff_mrad"]) == {12.0}
    unknown = [name for name in RESULTS if name.startswith("training_")] + ["network_id", "g_id", "g_ood"]
    assert all(scores[name].null_count() == 3 for name in unknown)


def test_where_the_network_was_trained_is_scored_too(discs: Path) -> None:
    """G_OOD is the loss less that of the training distribution, and 0 on that distribution itself."""
    trained = {"training": [{"name": "under focus", "defocus_nm": {"normal": {"mean": 10, "sd": 1.5}}}]}
    scores = score(blurred, discs, WANTED | trained)
    inside = scores["cross_entropy"][2]
    assert set(scores["in_distribution_cross_entropy"]) == {inside}
    assert scores["g_ood"].to_list() == pytest.approx([loss - inside for loss in scores["cross_entropy"]])
    assert (scores["g_ood"][2], scores["training_name"][0]) == (0.0, "under focus")
    assert (scores["training_defocus_nm"][0], scores["training_defocus_sd_nm"][0]) == pytest.approx((10, 1.5))
    assert scores.drop("^training_.*$", "^g_.*$", "in_distribution_cross_entropy").equals(
        score(blurred, discs, WANTED).drop("^training_.*$", "^g_.*$", "in_distribution_cross_entropy")
    )


def test_neither_batches_nor_what_is_loaded_at_a_time_matter(discs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = score(blurred, discs, WANTED)
    assert score(blurred, discs, WANTED, batch=1).equals(whole)
    monkeypatch.setattr(evaluation, "LOADED_BYTES", 1.0)
    assert score(blurred, discs, WANTED, batch=2).equals(whole)


def test_the_seed_and_the_set_decide_on_the_images(discs: Path) -> None:
    first, again, other = (score(blurred, discs, WANTED, seed=seed) for seed in (1, 1, 2))
    assert first.equals(again)
    assert not first["cross_entropy"].equals(other["cross_entropy"])
    assert set(first["test_id"]).isdisjoint(other["test_id"])
    assert score(blurred, discs, WANTED | {"seed": 1}).equals(first)
    training = score(blurred, discs, WANTED, set="training")
    assert set(training["images"]) == {2}
    assert score(blurred, discs / "waves" / "training", WANTED).equals(training)


def test_conditions_are_a_file_a_mapping_or_objects(discs: Path, tmp_path: Path) -> None:
    item = {**DEFAULT, "defocus_nm": {"normal": {"mean": 0, "sd": 1.5}}}
    file = tmp_path / "conditions.yaml"
    text = "defocus_nm: {normal: {mean: 0, sd: 1.5}}, semiangle_cutoff_mrad: 12.0, dose_e_per_A2: 400"
    file.write_text(f"test: [{{name: focus, {text}}}]")
    mapping: dict[str, Any] = {"test": [{"name": "focus", **item}]}
    objects = {"focus": ImagingConditions.model_validate(item)}
    whole = ScoringConditions.model_validate(mapping)
    tables = [score(blurred, discs, given) for given in (file, str(file), mapping, objects, whole)]
    assert all(table.equals(tables[0]) for table in tables)


def test_a_mapping_does_not_pass_with_a_wrong_key(discs: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"tests: unknown key; .* nearest: 'test'"):
        score(blurred, discs, {"tests": [FOCI]})
    with pytest.raises(InputError, match="conditions: Object of type set is not JSON serializable; give numbers"):
        score(blurred, discs, {"test": {1, 2}})


def test_a_network_has_one_training_distribution(discs: Path) -> None:
    with pytest.raises(ConfigurationError, match="training: give one item, the distribution that the network was"):
        score(blurred, discs, WANTED | {"training": [FOCI]})


def test_conditions_that_the_waves_cannot_serve_are_told_before_any_work(discs: Path) -> None:
    with pytest.raises(InputError, match=r"can't be formed so:\n +test: 'far': semiangle_cutoff_mrad reaches 90.00"):
        score(blurred, discs, {"default": DEFAULT, "test": [{"name": "far", "semiangle_cutoff_mrad": 90}]})
    with pytest.raises(InputError, match=r"imaging.camera.binning: 3 does not divide 32 x 32 pixels"):
        score(blurred, discs, WANTED | {"imaging": {"camera": {"binning": 3}}})


def test_a_set_that_is_not_there_is_told(discs: Path) -> None:
    with pytest.raises(InputError, match="holds no set 'validation'; it has test, training"):
        score(blurred, discs, WANTED, set="validation")
    with pytest.raises(InputError, match="holds several sets, test, training; name one as set"):
        score(blurred, discs, WANTED, set=None)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (lambda images: torch.cat([images, images], 1), r"gives \(5, 2, 32, 32\) for images \(5, 1, 32, 32\); it must"),
        (lambda images: images.numpy(), "gives ndarray for images"),
        (lambda images: images / 0 * 0, "logits that are no numbers under 'defocus -10 nm'; look at its weights"),
    ],
)
def test_what_a_network_gets_wrong_is_told(network: Any, message: str, discs: Path) -> None:
    with pytest.raises(TemshiftError, match=message):
        score(network, discs, WANTED)


def test_a_module_must_be_in_evaluation_mode(discs: Path) -> None:
    module = torch.nn.Sequential(torch.nn.Conv2d(1, 1, 3, padding=1), torch.nn.BatchNorm2d(1))
    with pytest.raises(InputError, match=r"network is in training mode, .* call network.eval\(\) first"):
        score(module, discs, WANTED)
    assert score(module.eval(), discs, WANTED)["cross_entropy"].is_finite().all()
