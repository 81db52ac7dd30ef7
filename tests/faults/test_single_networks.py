"""What befalls one network fails that one alone: its reason is told, the others go on, and it can be tried again."""

import errno
import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch

from temshift.core.errors import TemshiftError
from temshift.micrographs import Batch
from temshift.report.data.study_tables import load_study
from temshift.storage.files import read_json
from temshift.studies import Plan, Study, StudyFolder, run_study
from temshift.studies.running import queue
from temshift.studies.running import worker_tasks as tasks
from temshift.studies.running.status import list_runs
from temshift.studies.running.worker_tasks import Evaluation, Failures

pytestmark = pytest.mark.slow

Same = Callable[[StudyFolder, StudyFolder], bool]


@pytest.fixture
def victim(small: Study) -> str:
    return Plan(small).networks[1].id


def failed_in(root: Path) -> dict[str, str]:
    return {run.id: f"{why.stage}: {why.reason}" for run, state, why in list_runs(root) if state == "failed" and why}


def require_the_others(root: Path, small: Study, victim: str) -> None:
    results = pl.read_parquet(root / "results.parquet")
    others = {run.id for run in Plan(small).networks} - {victim}
    assert set(results["network_id"]) == others
    assert read_json(root / "manifest.json")["failed"] == 1
    assert "1 of which failed and are missing here" in (root / "report.html").read_text()
    metrics = pl.read_parquet(root / "metrics.parquet")
    assert metrics["ln_cross_entropy"].null_count() == len(Plan(small).parts[0].tests)
    assert metrics["sigma"].null_count() == 0
    assert len(load_study(root).results) == len(results)


@pytest.fixture
def losing(monkeypatch: pytest.MonkeyPatch, small: Study, victim: str) -> None:
    """The images of one network are no numbers."""
    conditions = next(run.conditions for run in Plan(small).networks if run.id == victim)
    formed = tasks.training_batches

    def spoilt(source: Any, drawn: Any, **rest: Any) -> Iterator[Batch]:
        for images, masks in formed(source, drawn, **rest):
            yield (images * torch.nan if drawn == conditions else images), masks

    monkeypatch.setattr(tasks, "training_batches", spoilt)


def test_a_loss_that_is_not_finite(
    losing: None,
    with_waves: Path,
    small: Study,
    victim: str,
    undisturbed: StudyFolder,
    told: Any,
    same: Same,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(
        TemshiftError, match=r"networks: 1 of 4 failed.*\n  network .*the loss is nan at step 1"
    ) as caught:
        run_study(small, with_waves, workers=0)
    assert caught.value.exit_code == 1
    assert "--retry-failed tries them again" in str(caught.value)
    (reason,) = failed_in(with_waves).values()
    assert reason.startswith("training: the loss is nan at step 1 (epoch 1, ")
    require_the_others(with_waves, small, victim)
    monkeypatch.undo()
    with pytest.raises(TemshiftError, match="1 of 4 failed"):
        run_study(small, with_waves, workers=0)  # it is left alone, and told again
    assert set(failed_in(with_waves)) == {victim}
    folder = run_study(small, with_waves, workers=0, retry_failed=True)
    assert failed_in(with_waves) == {}
    assert same(folder, undisturbed)


def test_weights_that_are_damaged_before_they_are_scored(
    with_waves: Path, small: Study, victim: str, undisturbed: StudyFolder, same: Same, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaging(root: Path, evaluations: Sequence[Evaluation], device: str) -> Failures:
        path = StudyFolder(root).network(victim) / "weights.safetensors"
        if any(run.id == victim for run, _ in evaluations):
            data = bytearray(path.read_bytes())
            data[len(data) // 2] ^= 0x55
            path.write_bytes(data)
        return tasks.score_runs(root, evaluations, device)

    monkeypatch.setattr(queue, "score_runs", damaging)
    with pytest.raises(TemshiftError, match="1 of 4 failed"):
        run_study(small, with_waves, workers=0)
    (reason,) = failed_in(with_waves).values()
    assert reason.startswith("scores: ") and "weights.safetensors" in reason
    require_the_others(with_waves, small, victim)
    monkeypatch.undo()
    assert same(run_study(small, with_waves, workers=0, retry_failed=True), undisturbed)


@pytest.mark.parametrize("place", ["networks", "scores"])
def test_a_disk_that_is_full_for_one_network(
    place: str,
    with_waves: Path,
    small: Study,
    victim: str,
    undisturbed: StudyFolder,
    same: Same,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    replace = os.replace

    def full(source: Path, target: Path) -> None:
        if f"{place}/{victim}" in str(target):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        replace(source, target)

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(TemshiftError, match="No space left on device; free some space"):
        run_study(small, with_waves, workers=0)
    assert set(failed_in(with_waves)) == {victim}
    require_the_others(with_waves, small, victim)
    assert not list((with_waves / place).rglob(".unfinished-*"))
    monkeypatch.undo()
    assert same(run_study(small, with_waves, workers=0, retry_failed=True), undisturbed)


def test_weights_that_are_damaged_after_all_was_done_are_made_again(
    undisturbed: StudyFolder, tmp_path: Path, small: Study, victim: str, told: Any, same: Same
) -> None:
    copy = tmp_path / "study"
    subprocess.run(["cp", "-a", str(undisturbed.root), str(copy)], check=True)
    path = copy / "networks" / victim / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    folder = run_study(small, copy, workers=0, progress=told)
    assert any(f"made again: {path} is damaged" in text for text in told.texts)
    assert same(folder, undisturbed)


@pytest.mark.parametrize("name", ["network.json", "history.parquet", "weights.safetensors"])
@pytest.mark.parametrize("damage", ["truncated", "altered", "removed"])
@pytest.mark.slow
def test_whatever_is_damaged_of_a_network_is_made_again(
    name: str, damage: str, undisturbed: StudyFolder, tmp_path: Path, small: Study, victim: str, told: Any, same: Same
) -> None:
    copy = tmp_path / "study"
    subprocess.run(["cp", "-a", str(undisturbed.root), str(copy)], check=True)
    _damage(copy / "networks" / victim / name, damage)
    folder = run_study(small, copy, workers=0, progress=told)
    assert (damage == "removed" and name == "network.json") or any("made again" in text for text in told.texts)
    assert same(folder, undisturbed)
    made = [(folder.network(victim) / one).read_bytes() for one in ("weights.safetensors", "history.parquet")]
    there = [(undisturbed.network(victim) / one).read_bytes() for one in ("weights.safetensors", "history.parquet")]
    assert made == there


@pytest.mark.parametrize("name", ["tests.parquet", "results.parquet", "prediction.json", "report.html"])
@pytest.mark.parametrize("damage", ["truncated", "altered", "removed"])
@pytest.mark.slow
def test_whatever_is_damaged_of_the_tables_is_made_again(
    name: str, damage: str, undisturbed: StudyFolder, tmp_path: Path, small: Study, same: Same
) -> None:
    copy = tmp_path / "study"
    subprocess.run(["cp", "-a", str(undisturbed.root), str(copy)], check=True)
    _damage(copy / name, damage)
    folder = run_study(small, copy, workers=0)
    assert same(folder, undisturbed)
    assert folder.report.exists()


def _damage(path: Path, damage: str) -> None:
    data = path.read_bytes()
    middle = len(data) // 2
    if damage == "removed":
        path.unlink()
    else:
        flipped = data[:middle] + bytes([data[middle] ^ 0x55]) + data[middle + 1 :]
        path.write_bytes(data[:middle] if damage == "truncated" else flipped)
