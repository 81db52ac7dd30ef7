from pathlib import Path

import numpy as np
import polars as pl
import pytest

from temshift.core.errors import DamagedError, TemshiftError
from temshift.report import StudyTables, load_study, write_report
from temshift.storage.files import read_json, read_table, write_json, write_table
from temshift.storage.records import write_record

NEEDED = (
    "study.yaml",
    "manifest.json",
    "results.parquet",
    "metrics.parquet",
    "transfer.parquet",
    "prediction.json",
    "examples/examples.npz",
    "examples/examples.json",
)


def test_everything_is_loaded(study: StudyTables) -> None:
    assert study.results.height == 6 * 2 * 20
    assert study.metrics.height == 6 * 20
    assert study.examples.images.shape == study.examples.masks.shape == (3, 5, 64, 64)
    assert study.examples.probabilities.shape == (3, 3, 5, 64, 64)
    assert len(study.histories) == 12
    assert study.prediction.models[0].r2_left_out_training is None


@pytest.mark.parametrize("name", NEEDED)
def test_a_missing_file_is_named_with_the_remedy(own_folder: Path, name: str) -> None:
    (own_folder / name).unlink()
    with pytest.raises(TemshiftError, match="temshift run` again") as caught:
        write_report(own_folder)
    assert name in str(caught.value)
    assert not (own_folder / "report.html").exists()


@pytest.mark.parametrize("name", [name for name in NEEDED if name != "study.yaml"])
def test_a_truncated_file_is_noticed(own_folder: Path, name: str) -> None:
    path = own_folder / name
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DamagedError, match="temshift run` again") as caught:
        load_study(own_folder)
    assert name in str(caught.value)


def test_a_truncated_learning_curve_is_noticed(own_folder: Path) -> None:
    path = next((own_folder / "networks").glob("*/history.parquet"))
    path.write_bytes(b"PAR1")
    with pytest.raises(DamagedError, match=r"history\.parquet"):
        load_study(own_folder)


def test_a_missing_column_is_named(own_folder: Path) -> None:
    path = own_folder / "metrics.parquet"
    write_table(path, read_table(path).drop("sigma", "epsilon_test"))
    with pytest.raises(TemshiftError, match="lacks the columns epsilon_test, sigma"):
        load_study(own_folder)


def test_a_column_of_the_wrong_type_is_refused(own_folder: Path) -> None:
    path = own_folder / "results.parquet"
    write_table(path, read_table(path).with_columns(cross_entropy=pl.lit("low")))
    with pytest.raises(DamagedError, match=r"results\.parquet"):
        load_study(own_folder)


def test_a_condition_without_defocus_is_refused(own_folder: Path) -> None:
    path = own_folder / "results.parquet"
    write_table(path, read_table(path).with_columns(test_defocus_nm=pl.lit(None, pl.Float64)))
    with pytest.raises(TemshiftError, match="missing in test_defocus_nm"):
        load_study(own_folder)


def test_not_a_number_becomes_a_missing_number(own_folder: Path) -> None:
    path = own_folder / "results.parquet"
    write_table(path, read_table(path).with_columns(iou=pl.lit(float("nan"))))
    assert load_study(own_folder).results["iou"].null_count() == 240


def test_names_that_do_not_fit_the_pictures_are_refused(own_folder: Path) -> None:
    path = own_folder / "examples" / "examples.json"
    names = read_json(path)
    write_json(path, {**names, "conditions": names["conditions"][:-1]})
    with pytest.raises(TemshiftError, match=r"masks has shape \(3, 5, 64, 64\)"):
        load_study(own_folder)


def test_pictures_that_are_no_finite_numbers_are_refused(own_folder: Path) -> None:
    path = own_folder / "examples" / "examples.npz"
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files}
    arrays["images"][0, 0, 0, 0] = np.inf
    np.savez_compressed(path, **arrays)
    with pytest.raises(TemshiftError, match="no finite numbers"):
        load_study(own_folder)


def test_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(TemshiftError, match="no such folder"):
        load_study(tmp_path / "nowhere")


def record_of(folder: Path, names: tuple[str, ...] = NEEDED) -> Path:
    write_record(folder / "report.json", [folder / name for name in names], {"id": "1"})
    return folder


@pytest.mark.parametrize("name", ["prediction.json", "manifest.json", "study.yaml", "examples/examples.json"])
def test_an_altered_file_is_not_drawn(own_folder: Path, name: str) -> None:
    """It is whole and can be read: only the record knows that it is another."""
    path = record_of(own_folder) / name
    text = path.read_text(encoding="utf-8")
    place = max(text.rfind(digit) for digit in "12345678")
    path.write_text(f"{text[:place]}9{text[place + 1 :]}", encoding="utf-8")
    with pytest.raises(DamagedError, match="altered content.*temshift run` again") as caught:
        write_report(own_folder)
    assert name in str(caught.value)
    assert not (own_folder / "report.html").exists()


def test_what_no_record_vouches_for_is_drawn_with_a_remark(own_folder: Path) -> None:
    remarks: list[str] = []
    load_study(own_folder, remarks.append)
    assert "report.json is missing: nothing vouches for the tables" in remarks.pop()
    record_of(own_folder, tuple(name for name in NEEDED if name != "study.yaml"))
    load_study(own_folder, remarks.append)
    assert len(remarks) == 1
    assert remarks[0].endswith("nothing vouches for study.yaml")
    record_of(own_folder)
    remarks.clear()
    load_study(own_folder, remarks.append)
    assert remarks == []


def test_a_damaged_record_is_refused(own_folder: Path) -> None:
    (record_of(own_folder) / "report.json").write_text("{}", encoding="utf-8")
    with pytest.raises(DamagedError, match=r"report\.json is damaged.*temshift run` again"):
        load_study(own_folder)


def test_learning_curves_that_are_missing_are_told(own_folder: Path) -> None:
    remarks: list[str] = []
    next((own_folder / "networks").glob("*/history.parquet")).unlink()
    load_study(record_of(own_folder), remarks.append)
    assert len(remarks) == 1
    assert remarks[0].startswith("1 learning curves are not drawn, since files such as ")
