"""Verbs open a wave store once and hand on what they have read: how often each reads records and chunks of shards."""

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from temshift.storage import records
from temshift.studies import Study, run_study

SHARDS = 5
TRAINING = """\
database: waves/training
conditions: {defocus_nm: 0, dose_e_per_A2: 100, semiangle_cutoff_mrad: 12}
network: {kind: compact, widths: [4, 8]}
training: {steps: 2, batch: 2, augmentation: none}
"""
CONDITIONS = """\
default: {dose_e_per_A2: 400, semiangle_cutoff_mrad: 12.0}
test: [{name: focus, defocus_nm: 0}, {name: under, defocus_nm: -20}]
"""


@dataclass
class Readings:
    """How often records of shards were read, and chunks of their arrays verified."""

    records: Counter[str] = field(default_factory=Counter)
    chunks: Counter[str] = field(default_factory=Counter)


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> Readings:
    """Counts from now on."""
    counted, read_json, file_hash = Readings(), records.read_json, records.file_hash

    def counting_json(path: Path) -> Any:
        counted.records[path.stem] += path.name.startswith("shard-")
        return read_json(path)

    def counting_hash(path: Path) -> str:
        counted.chunks[str(path)] += "c" in path.parts
        return file_hash(path)

    monkeypatch.setattr(records, "read_json", counting_json)
    monkeypatch.setattr(records, "file_hash", counting_hash)
    return counted


@pytest.fixture
def files(stored: Callable[..., Path], tmp_path: Path) -> Path:
    """A set of five shards, and files to train on it and to score on it."""
    assert len(list(stored(tmp_path / "waves" / "training", "training", 1).glob("shard-*"))) == SHARDS
    (tmp_path / "network.yaml").write_text(TRAINING, encoding="utf-8")
    (tmp_path / "conditions.yaml").write_text(CONDITIONS, encoding="utf-8")
    return tmp_path


_opened: list[list[str]] = []  # lists of paths that are being filled, for a hook that can't be removed


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if _opened and event == "open" and isinstance(arguments[0], (str, os.PathLike)):
        for paths in _opened:
            paths.append(os.path.abspath(arguments[0]))  # noqa: PTH100 - what was opened may be relative, and gone


@contextmanager
def opens(root: Path) -> Iterator[Counter[str]]:
    """Count how often this process opens each file below a folder that is there at the end, to read or to write it."""
    if not hasattr(sys, "_temshift_opens"):
        sys._temshift_opens = True  # type: ignore[attr-defined]
        sys.addaudithook(_note)
    paths: list[str] = []
    counted: Counter[str] = Counter()
    _opened.append(paths)
    try:
        yield counted
    finally:
        _opened.remove(paths)
        counted.update(path for path in paths if path.startswith(str(root)) and Path(path).exists())


def times(counted: Counter[str]) -> list[int]:
    """How often each was read that was read at all."""
    return [count for count in counted.values() if count]


def test_train_reads_the_record_of_a_shard_to_open_the_store_and_once_more_to_verify_what_it_loads(
    temshift: Callable[..., Any], files: Path, readings: Readings
) -> None:
    """Twice: the store is opened before hours of training are promised; bytes are verified when they are read."""
    done = temshift("train", "network.yaml", "--output", "net")
    assert done.returncode == 0, done.stderr
    assert times(readings.records) == [2] * SHARDS
    assert times(readings.chunks) == [1] * (2 * SHARDS)


def test_train_reads_no_record_twice_before_it_refuses_a_file(
    temshift: Callable[..., Any], files: Path, readings: Readings
) -> None:
    (files / "network.yaml").write_text(TRAINING.replace("cutoff_mrad: 12", "cutoff_mrad: 80"), encoding="utf-8")
    done = temshift("train", "network.yaml", "--output", "net")
    assert done.returncode == 2 and "line 2, conditions" in done.stderr
    assert times(readings.records) == [1] * SHARDS


def test_score_opens_each_file_once_or_twice(temshift: Callable[..., Any], files: Path) -> None:
    """The record of a shard when the store is opened, and again when the bytes are verified that are read then."""
    assert temshift("train", "network.yaml", "--output", "net").returncode == 0
    words = ("score", "--network", "net", "--database", "waves/training", "--conditions", "conditions.yaml")
    with opens(files) as counted:
        done = temshift(*words, "--output", "scores")
    assert "does not tell how its specimens were built" in done.stderr, done.stderr  # once all images are scored
    network = {Path(path).name: count for path, count in counted.items() if "/net/" in path}
    assert network == {"network.json": 1, "weights.safetensors": 1}
    shards = [count for path, count in counted.items() if Path(path).name.startswith("shard-")]
    assert shards == [2] * SHARDS
    chunks = {path: count for path, count in counted.items() if "/waves/c/" in path}
    assert len(chunks) == SHARDS and max(chunks.values()) <= 3, chunks  # verified once, then read by Zarr


@pytest.mark.slow
def test_a_run_opens_the_card_of_a_network_once_a_stage(tiny: Study, tmp_path: Path) -> None:
    """To score it, to gather, to choose what is shown, for each kind of pictures, and to draw its learning curve."""
    with opens(tmp_path) as counted:
        run_study(tiny, tmp_path / "study", workers=0)
    cards = sorted(count for path, count in counted.items() if path.endswith("network.json"))
    assert len(cards) == len(list((tmp_path / "study" / "networks").iterdir()))
    assert cards[0] <= 4 and cards[-1] <= 7, cards
    shards = [count for path, count in counted.items() if Path(path).name.startswith("shard-")]
    assert max(shards) <= 5, shards  # spectra, warnings, trainings, distances of images, facts of the manifest


def test_score_opens_the_store_once(temshift: Callable[..., Any], files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from temshift.scoring import evaluation

    assert temshift("train", "network.yaml", "--output", "net").returncode == 0
    opened, wave_sources = [], evaluation.wave_sources

    def counting(*given: Any) -> Any:
        opened.append(given)
        return wave_sources(*given)

    monkeypatch.setattr(evaluation, "wave_sources", counting)  # the store lacks a recipe: it is left after the scores
    words = ("score", "--network", "net", "--database", "waves/training", "--conditions", "conditions.yaml")
    done = temshift(*words, "--output", "scores")
    assert len(opened) == 1, done.stderr


@pytest.mark.parametrize(
    ("words", "reads"), [(("inspect", "waves/training"), 1), (("export", "waves/training", "--output", "waves.h5"), 2)]
)
def test_what_hands_waves_on_reads_and_verifies_a_shard_once(
    temshift: Callable[..., Any], files: Path, readings: Readings, words: tuple[str, ...], reads: int
) -> None:
    """An export opens the store before it reads it."""
    done = temshift(*words)
    assert done.returncode == 0, done.stderr
    assert times(readings.records) == [reads] * SHARDS
    assert times(readings.chunks) == [1] * (2 * SHARDS)
