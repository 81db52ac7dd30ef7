"""Tables of measured conditions: rows stay whole, files become numbers, faults are told with their place."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from temshift.conditions.measured_table import MOST_NUMBERS, MOST_ROWS, MeasuredTable, read_columns
from temshift.configuration.model import Configuration, ConfigurationError, dump_configuration, parse_configuration
from temshift.core.hashes import content_hash

CSV = "defocus_nm,C12_nm\n5,1.5\n8,2e0\n-3,0\n"
COLUMNS = {"defocus_nm": [5.0, 8.0, -3.0], "C12_nm": [1.5, 2.0, 0.0]}


class Conditions(Configuration):
    measured: MeasuredTable


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(text: str) -> MeasuredTable:
    return parse_configuration(f"measured: {{{text}}}", Conditions, "conditions.yaml").measured


def test_a_file_becomes_its_numbers(folder: Path) -> None:
    (folder / "lens.csv").write_text(CSV)
    table = read("file: lens.csv")
    assert table == MeasuredTable.model_validate({"columns": COLUMNS})
    assert (table.keys, len(table)) == (("defocus_nm", "C12_nm"), 3)
    (folder / "lens.csv").unlink()
    saved = dump_configuration(Conditions(measured=table))
    assert "file" not in saved
    assert "lens" not in saved
    assert parse_configuration(saved, Conditions, "saved.yaml").measured == table


def test_hashes_hold_the_numbers_and_not_the_path(folder: Path) -> None:
    for name, text in (("a.csv", CSV), ("b.csv", CSV), ("c.csv", CSV.replace("1.5", "1.6"))):
        (folder / name).write_text(text)
    first, same, other = (content_hash(read(f"file: {name}.csv")) for name in "abc")
    assert first == same != other


@pytest.mark.parametrize(
    "text", [CSV.replace("\n", "\r\n"), "\ufeff" + CSV, CSV + "\n,\n\n", CSV.replace("5,1.5", '"5", 1.5 ')]
)
def test_files_of_spreadsheets_are_read(folder: Path, text: str) -> None:
    (folder / "lens.csv").write_text(text, encoding="utf-8", newline="")
    assert read_columns("lens.csv") == COLUMNS


@given(st.lists(st.tuples(*[st.floats(-1e6, 1e6)] * 3), min_size=1, max_size=30), st.data())
def test_a_draw_takes_a_row_as_a_whole(rows: list[tuple[float, float, float]], data: st.DataObject) -> None:
    weights = data.draw(st.none() | st.lists(st.floats(0.01, 10), min_size=len(rows), max_size=len(rows)))
    columns = dict(zip("abc", map(list, zip(*rows, strict=True)), strict=True))
    table = MeasuredTable.model_validate({"columns": columns, "weights": weights})
    drawn = table.rows(np.array(data.draw(st.lists(st.floats(0, 1), min_size=1, max_size=20))))
    assert set(zip(*(drawn[key].tolist() for key in "abc"), strict=True)) <= set(rows)


def test_rows_are_drawn_as_often_as_they_weigh() -> None:
    probabilities = (np.arange(1000) + 0.5) / 1000
    table = MeasuredTable.model_validate({"columns": COLUMNS, "weights": [1, 3, 6]})
    found, times = np.unique(table.rows(probabilities)["defocus_nm"], return_counts=True)
    assert dict(zip(found.tolist(), times.tolist(), strict=True)) == {5.0: 100, 8.0: 300, -3.0: 600}
    even = MeasuredTable.model_validate({"columns": COLUMNS}).rows(np.array([0.0, 1 / 3, 0.34, 0.99, 1.0]))
    assert even["C12_nm"].tolist() == [1.5, 1.5, 2.0, 0.0, 0.0]


def test_draws_keep_the_correlation_that_was_measured() -> None:
    generator = np.random.default_rng(2)
    defocus = generator.normal(size=2000)
    measured = {"defocus_nm": defocus.tolist(), "C12_nm": (defocus + generator.normal(size=2000)).tolist()}
    drawn = MeasuredTable.model_validate({"columns": measured}).rows(generator.random(50_000))
    expected = np.corrcoef(*measured.values())[0, 1]
    assert np.corrcoef(*drawn.values())[0, 1] == pytest.approx(expected, abs=0.02)


def test_one_column_is_a_choice_of_its_values() -> None:
    table = MeasuredTable.model_validate({"columns": COLUMNS, "weights": [1, 1, 2]})
    probabilities = (np.arange(100) + 0.5) / 100
    choice = table.distribution("defocus_nm")
    assert choice.quantile(probabilities).tolist() == sorted(table.rows(probabilities)["defocus_nm"])
    assert choice.share_below(0) == 0.5


def test_weights_may_be_a_column(folder: Path) -> None:
    (folder / "lens.csv").write_text("defocus_nm,times\n5,1\n8,3\n")
    assert read("file: lens.csv, weights: times") == read("columns: {defocus_nm: [5, 8]}, weights: [1, 3]")
    assert read("columns: {defocus_nm: [5, 8], n: [1, 3]}, weights: n").keys == ("defocus_nm",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n1,x\n", "lens.csv, line 3, column 'b': 'x' is not a finite number; write numbers such as 1.5"),
        ("a,b\n1,nan\n", "lens.csv, line 2, column 'b': 'nan' is not a finite number"),
        ("a,b\n1,1e999\n", "lens.csv, line 2, column 'b': '1e999' is not a finite number"),
        ("a;b\n1;2\n", "column 'a;b': '1;2' is not a finite number; .* commas between"),
        ("a,b\n1,2\n3\n", "lens.csv, line 3, column 'b': the cell is missing"),
        ("a,b\n1,2\n\n3,4\n", "lens.csv, line 3, column 'a': the cell is missing"),
        ("a,b\n1,2\n3,4,5\n", "lens.csv, line 3: has more cells than the header; give one number for each key"),
        ("a,b,a\n1,2,3\n", "lens.csv, line 1, column 3: 'a' is given twice; remove one"),
        ("a,\n1,2\n", "lens.csv, line 1, column 2: the key is missing"),
        ("a,b\n", "lens.csv: no rows below the header; give at least one"),
        ("", "lens.csv is empty; give a header of keys, then rows of numbers"),
        ("a\n" + "1\n" * (MOST_ROWS + 1), f"{MOST_ROWS + 1} rows; at most {MOST_ROWS} are taken: keep fewer"),
        ("a,b,c\n" + "1,2,3\n" * 40_000, f"40000 rows of 3 columns are 120000 numbers; at most {MOST_NUMBERS} are"),
    ],
)
def test_faults_of_files_are_told_with_their_place(folder: Path, text: str, message: str) -> None:
    (folder / "lens.csv").write_text(text)
    with pytest.raises(ConfigurationError, match=message):
        read("file: lens.csv")


def test_files_that_cannot_be_read_are_told(folder: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"measured: cannot read none.csv: No such file .* from the folder where"
    ):
        read("file: none.csv")
    (folder / "lens.csv").write_bytes(b"a\n\xff\n")
    with pytest.raises(ConfigurationError, match="lens.csv is not a CSV file .*; save it as UTF-8 text with commas"):
        read("file: lens.csv")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=40) | st.text(',\n\r"1.e- a#\0', max_size=40).map(str.encode))
@example(b"\n")
@example(b"\0,\n1,2,3")
def test_any_file_gives_columns_of_one_length_or_a_fault(folder: Path, data: bytes) -> None:
    (folder / "lens.csv").write_bytes(data)
    try:
        columns = read_columns("lens.csv")
    except ValueError as error:
        assert str(error).startswith("lens.csv")
        return
    assert len({len(column) for column in columns.values()}) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "measured: neither file nor columns is given; write file: PATH.csv, or columns"),
        ("file: a.csv, columns: {a: [1]}", "file and columns are both given"),
        ("colums: {a: [1]}", "colums: unknown key; allowed: 'file', 'columns', 'weights'; nearest: 'columns'"),
        ("columns: {a: [1, x]}", "measured.columns.a.1: given 'x'; must be a number"),
        ("columns: {}", "columns hold no parameter; give at least one"),
        ("columns: {a: [1, 2], b: [1]}", "columns differ in length: a has 2, b has 1; give one number a row in each"),
        ("columns: {a: [1, 2]}, weights: [1]", "weights: given 1 for 2 rows; give one for each row, or none"),
        ("columns: {a: [1, 2]}, weights: [1, -1]", "measured.weights.1: given -1; must be greater than 0"),
        (
            "columns: {a: [1], times: [1]}, weights: time",
            "'time' is not a column; allowed: 'a', 'times'; nearest: 'times'",
        ),
    ],
)
def test_tables_that_are_not_whole_are_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        read(text)


def test_long_columns_are_refused() -> None:
    with pytest.raises(ValidationError, match=f"at most {MOST_ROWS} are taken"):
        MeasuredTable.model_validate({"columns": {"a": [1.0] * (MOST_ROWS + 1)}})
