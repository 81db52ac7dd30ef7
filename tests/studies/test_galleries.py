"""Pictures of every test condition: the very images that are scored, drawn by tasks, kept, and made again."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from temshift.configuration.model import parse_configuration
from temshift.figures.pictures import grey_levels
from temshift.report.data.galleries import Gallery, load_galleries
from temshift.storage.files import read_json
from temshift.studies import Study, run_study
from temshift.studies.analysis.example_pictures import example_networks, shown_networks, shown_parts
from temshift.studies.folder import StudyFolder
from temshift.studies.planning.plan import Plan
from temshift.studies.running import worker_tasks as tasks
from temshift.studies.sources import load_network, source_of

SWEPT = "sweep: {specimens.particles.crystal: [CdSe, Ag], training.learning_rate: [0.01, 0.02]}\n"


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def done(tiny: Study, tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    return run_study(tiny, tmp_path_factory.mktemp("pictures") / "study", workers=0)


@pytest.fixture
def copy(done: StudyFolder, tmp_path: Path) -> StudyFolder:
    return StudyFolder(Path(shutil.copytree(done.root, tmp_path / "study")))


@pytest.fixture(scope="module")
def gallery(done: StudyFolder) -> Gallery:
    (gallery,) = load_galleries(done.examples)
    return gallery


def parts(folder: StudyFolder) -> dict[str, int]:
    """Time of change of every file of pictures."""
    return {path.name: path.stat().st_mtime_ns for path in (folder.examples / "pictures").iterdir()}


def test_every_condition_is_there(tiny: Study, gallery: Gallery) -> None:
    plan = Plan(tiny)
    assert gallery.conditions == tuple(test.name for test in plan.parts[0].tests)
    assert gallery.networks == tuple(run.name for run in example_networks(plan.parts[0]))
    assert gallery.of == len(gallery.conditions)
    assert (gallery.label, gallery.binned) == ("", 1)
    assert len(gallery.specimens) == tiny.examples.specimens


def test_pictures_are_the_images_that_networks_are_scored_on(tiny: Study, done: StudyFolder, gallery: Gallery) -> None:
    count = len(gallery.specimens)
    for place, test in enumerate(Plan(tiny).parts[0].tests):
        images, masks = next(iter(tasks.test_batches(done.root, test, "cpu")))
        np.testing.assert_array_equal(gallery.levels[:, place], grey_levels(images[:count, 0].numpy()))
        np.testing.assert_array_equal(gallery.masks[:, place], masks[:count, 0].numpy())


def test_predictions_are_those_of_the_networks(tiny: Study, done: StudyFolder, gallery: Gallery) -> None:
    part, count = Plan(tiny).parts[0], len(gallery.specimens)
    images, masks = next(iter(tasks.test_batches(done.root, part.tests[1], "cpu")))
    for number, run in enumerate(example_networks(part)):
        with torch.inference_mode():
            found = torch.sigmoid(load_network(done.root, run, "cpu")(images[:count]))[:, 0].numpy()
        np.testing.assert_allclose(gallery.probabilities[number, :, 1] / 255, found, atol=0.003)
        true, predicted = masks[:count, 0].numpy(), found > 0.5
        either = (true | predicted).sum(axis=(1, 2))
        overlap = np.where(either > 0, (true & predicted).sum(axis=(1, 2)) / np.maximum(either, 1), np.nan)
        np.testing.assert_allclose(gallery.overlaps[number, :, 1], overlap, rtol=1e-6)


def test_some_specimens_of_a_source_are_those_of_all(tiny: Study, done: StudyFolder) -> None:
    source = Plan(tiny).parts[0].sources["training"]
    few, every = (source_of(done.root, source, "cpu", specimens=count) for count in (1, None))
    assert 1 <= len(few) < len(every)
    torch.testing.assert_close(few.spectra.values, every.spectra.values[: len(few)], rtol=0, atol=0)
    assert torch.equal(few.masks, every.masks[: len(few)])


def test_what_is_there_is_kept(tiny: Study, copy: StudyFolder) -> None:
    before = parts(copy)
    copy.report.unlink()
    run_study(tiny, copy.root, workers=0)
    assert parts(copy) == before


@pytest.mark.parametrize("damage", [pytest.param("missing", marks=pytest.mark.slow), "truncated"])
def test_damaged_pictures_are_made_again(tiny: Study, copy: StudyFolder, damage: str, listening: Any) -> None:
    path = next((copy.examples / "pictures").glob("*.npz"))
    content, listener = path.read_bytes(), listening()
    path.unlink() if damage == "missing" else path.write_bytes(content[:50])
    run_study(tiny, copy.root, workers=0, progress=listener)
    assert path.read_bytes() == content
    assert any(path.name in warning for warning in listener.warnings)


def test_pictures_of_before_are_removed(tiny: Study, copy: StudyFolder) -> None:
    before = set(parts(copy))
    changed = tiny.model_copy(update={"examples": tiny.examples.model_copy(update={"specimens": 1})})
    run_study(changed, copy.root, workers=0)
    assert not before & set(parts(copy))
    (gallery,) = load_galleries(copy.examples)
    assert len(gallery.specimens) == 1


def test_a_study_without_pictures_gets_them(tiny: Study, copy: StudyFolder) -> None:
    shutil.rmtree(copy.examples / "pictures")
    (copy.examples / "pictures.json").unlink()
    (copy.root / "report.json").unlink()
    run_study(tiny, copy.root, workers=0)
    assert len(load_galleries(copy.examples)) == 1


@pytest.fixture(scope="module")
def swept(tiny_text: str) -> Iterator[Plan]:
    yield Plan(parse_configuration(tiny_text + SWEPT, Study, "swept.yaml"))


def test_each_kind_of_specimens_is_shown_once(swept: Plan) -> None:
    assert len(swept.parts) == 4
    shown = shown_parts(swept)
    assert [part.settings["specimens.particles.crystal"] for part in shown] == ["CdSe", "Ag"]
    assert len(shown_networks(swept)) == sum(len(example_networks(part)) for part in shown)


@pytest.mark.slow
def test_a_sweep_has_a_gallery_for_each_kind(swept: Plan, tmp_path: Path) -> None:
    folder = run_study(swept.study, tmp_path / "study", workers=0)
    found = load_galleries(folder.examples)
    assert [gallery.label for gallery in found] == ["crystal CdSe", "crystal Ag"]
    assert not np.array_equal(found[0].levels, found[1].levels)
    assert {name.split(", ")[1] for name in found[1].networks} == {"crystal Ag"}
    assert len(read_json(folder.examples / "pictures.json")["sets"]) == 2
