import gzip
import io
import re
import shutil
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from matplotlib.image import imread
from synthetic_network import own_network
from synthetic_study import HOSTILE

from temshift.report import StudyTables, build_matrix, load_study, write_report
from temshift.report.data.matrix import Matrix
from temshift.report.still.exports import csv_bytes, figures, tables, write_exports
from temshift.report.still.figures import literal, matrix_figure, png_bytes, svg_bytes
from temshift.storage.files import read_table, write_table

pytestmark = pytest.mark.slow  # part of make test, not of make check

ALWAYS = {
    *("matrix-cross-entropy", "matrix-f1", "matrix-iou", "matrix-calibration-error"),
    *("loss-against-epsilon", "loss-against-prediction"),
    *("curves-defocus-nm", "curves-dose-e-per-A2", "curves-C12-nm", "curves-C30-mm"),
    *("transfer-defocus-nm", "transfer-dose-e-per-A2", "transfer-C12-nm", "transfer-C30-mm"),
}
OF_STUDY = {"loss-against-sigma", "loss-against-prediction-new-training", "transfer-training", "learning-curves"}
TEXT = "{http://www.w3.org/2000/svg}text"


@pytest.fixture(scope="module")
def exported(study_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small study with its report and all that a report writes next to the page."""
    folder = tmp_path_factory.mktemp("exported") / "study"
    shutil.copytree(study_folder, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("temshift.report.page.page.write_exports", write_exports)
        write_report(folder)
    return folder


@pytest.fixture(scope="module")
def matrix(study: StudyTables) -> Matrix:
    return matrix_of(study)


def matrix_of(study: StudyTables) -> Matrix:
    return build_matrix(study.results, study.metrics, study.manifest.trainings)


def words(svg: bytes) -> str:
    return "|".join("".join(text.itertext()) for text in ElementTree.fromstring(svg).iter(TEXT))


def test_every_figure_lies_beside_the_report_twice(exported: Path) -> None:
    found = {path.name for path in (exported / "figures").iterdir()}
    assert found == {f"{name}.{kind}" for name in ALWAYS | OF_STUDY for kind in ("png", "svg")}
    for path in (exported / "figures").glob("*.png"):
        assert imread(path).shape[1] > 600


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("matrix-f1", ["trained on", "test condition", "F1", "broad", "defocus -20 nm"]),
        ("loss-against-sigma", ["cross-entropy (nats per pixel)", "median", "middle 90 % of pairs", "dose"]),
        ("loss-against-prediction", ["its test condition left out of the fit", "predicted interval, 90 %"]),
        ("curves-dose-e-per-A2", ["dose [e/Å²]", "at defocus -10 nm", "at defocus 10 nm", "other networks"]),
        ("transfer-training", ["spatial frequency q [1/Å]", "rms of T over draws", "defocus 10 nm"]),
        ("learning-curves", ["training step", "seed 0", "seed 1"]),
    ],
)
def test_words_of_an_svg_stay_text(exported: Path, name: str, told: list[str]) -> None:
    found = words((exported / "figures" / f"{name}.svg").read_bytes()).replace("−", "-")
    assert [word for word in told if word not in found] == []


def test_names_of_a_study_are_words_in_figures(exported: Path) -> None:
    content = (exported / "figures" / "transfer-dose-e-per-A2.svg").read_text(encoding="utf-8")
    assert "<script" not in content
    found = words(content.encode())
    assert "<b>50</b>" in found
    assert "${dose}" in words((exported / "figures" / "matrix-iou.svg").read_bytes()) or "dose}` <b>50</b>" in found


def test_the_same_study_gives_the_same_bytes(study: StudyTables, matrix: Matrix, exported: Path) -> None:
    for name, figure in figures(study, matrix):
        if name in ("matrix-cross-entropy", "loss-against-sigma", "curves-C12-nm"):
            assert svg_bytes(figure, text=True) == (exported / "figures" / f"{name}.svg").read_bytes()
            assert png_bytes(figure) == (exported / "figures" / f"{name}.png").read_bytes()


def test_a_missing_cell_is_left_blank(matrix: Matrix) -> None:
    (image,) = matrix_figure(matrix, "f1").axes[0].get_images()
    values = np.ma.getmaskarray(image.get_array())
    assert np.argwhere(values).tolist() == np.argwhere(~np.isfinite(matrix.cells["f1"])).tolist() != []


def test_dollars_are_no_mathematics() -> None:
    assert literal("$a$ and $b") == r"\$a\$ and \$b"


def test_intervals_of_a_study_are_drawn(study: StudyTables) -> None:
    metrics = study.metrics.with_columns(
        left_out_test_lower=pl.col("left_out_test_prediction") - 0.3,
        left_out_test_upper=pl.col("left_out_test_prediction") + 0.3,
    )
    drawn = dict(figures(study, build_matrix(study.results, metrics, study.manifest.trainings)))
    found = words(svg_bytes(drawn["loss-against-prediction"], text=True))
    assert "predicted interval, 90 %" in found
    assert "middle 90 % of the errors" not in found


def test_figures_leave_no_global_state(study: StudyTables, matrix: Matrix) -> None:
    from matplotlib import pyplot

    before = pyplot.get_fignums()
    next(iter(figures(study, matrix)))
    assert pyplot.get_fignums() == before == []


def test_every_table_reads_back_as_it_is(study: StudyTables, exported: Path) -> None:
    for name, table in (("results", study.results), ("metrics", study.metrics), ("transfer", study.transfer)):
        found = pl.read_csv(exported / "tables" / f"{name}.csv", schema=table.schema)
        assert found.equals(table)


def test_a_matrix_as_a_table_has_empty_cells(matrix: Matrix, exported: Path) -> None:
    found = pl.read_csv(exported / "tables" / "matrix-f1.csv")
    assert found["test_name"].to_list() == [test.name for test in matrix.tests]
    assert HOSTILE in found["test_name"].to_list()
    grid = found.drop("test_name").to_numpy().T
    np.testing.assert_array_equal(grid, matrix.cells["f1"])
    text = (exported / "tables" / "matrix-f1.csv").read_text(encoding="utf-8")
    assert not re.search(r"nan|null|None", text.replace(HOSTILE, ""), re.I)


def test_tables_of_the_prediction_tell_its_errors(study: StudyTables, matrix: Matrix) -> None:
    named = dict(tables(study, matrix))
    assert named["prediction-errors"]["name"].to_list() == [model.name for model in study.prediction.models]
    assert dict(named["prediction-coefficients"].iter_rows()) == study.prediction.coefficients
    assert named["stages"]["name"].to_list() == ["simulate", "train", "score", "gather"]


def test_csv_quotes_what_it_must_and_can_be_compressed() -> None:
    table = pl.DataFrame({"name": ['a "b", c', "ä\nö"], "value": [1.5, None]})
    assert csv_bytes(table).decode() == 'name,value\n"a ""b"", c",1.5\n"ä\nö",\n'
    assert gzip.decompress(csv_bytes(table, compressed=True)) == csv_bytes(table)
    assert csv_bytes(table, compressed=True) == csv_bytes(table, compressed=True)
    assert pl.read_csv(io.BytesIO(csv_bytes(table))).equals(table)


def test_long_tables_are_compressed(
    study: StudyTables, matrix: Matrix, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("temshift.report.still.exports.figures", lambda *_: iter(()))
    monkeypatch.setattr("temshift.report.still.exports._MOST_PLAIN_ROWS", 200)
    write_exports(tmp_path, study, matrix)
    assert (tmp_path / "tables" / "results.csv.gz").exists()
    assert not (tmp_path / "tables" / "results.csv").exists()
    assert (tmp_path / "tables" / "metrics.csv").exists()


def test_what_is_no_longer_drawn_is_removed_and_nothing_else(
    study: StudyTables, matrix: Matrix, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("figures/curves-old.png", "figures/mine.txt", "tables/old.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    monkeypatch.setattr("temshift.report.still.exports.figures", lambda *_: iter(()))
    write_exports(tmp_path, study, matrix)
    assert [path.name for path in (tmp_path / "figures").iterdir()] == ["mine.txt"]
    assert not (tmp_path / "tables" / "old.csv").exists()


@pytest.mark.slow
def test_one_network_of_unknown_training_has_the_figures_that_it_can(own_folder: Path) -> None:
    study = load_study(own_network(own_folder, told=False))
    write_exports(own_folder, study, matrix_of(study))
    found = {path.stem for path in (own_folder / "figures").glob("*.svg")}
    assert found == ALWAYS


@pytest.mark.slow
def test_a_study_of_one_condition_and_no_losses_is_drawn(own_folder: Path) -> None:
    results = read_table(own_folder / "results.parquet")
    one = results.filter(pl.col("test_name") == results["test_name"][0])
    write_table(own_folder / "results.parquet", one.with_columns(cross_entropy=pl.lit(None, pl.Float64)))
    metrics = read_table(own_folder / "metrics.parquet")
    write_table(own_folder / "metrics.parquet", metrics.with_columns(ln_cross_entropy=pl.lit(None, pl.Float64)))
    study = load_study(own_folder)
    write_exports(own_folder, study, matrix_of(study))
    found = {path.stem for path in (own_folder / "figures").glob("*.svg")}
    assert not [name for name in found if name.startswith("loss-against")]
    assert {"matrix-cross-entropy", "curves-defocus-nm", "transfer-defocus-nm"} <= found
