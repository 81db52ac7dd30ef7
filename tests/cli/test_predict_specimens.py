"""predict --specimens: bad input has a clear word, and what is said stands in one sentence."""

from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from temshift.cli.app import app
from temshift.core.errors import InputError
from temshift.studies import Plan, Study
from temshift.workflows.new_specimens.unseen_set import UnseenSet, sentence_of


def table_of(**losses: tuple[float | None, float | None, float | None]) -> pl.DataFrame:
    names = ("cross_entropy", "cross_entropy_lower", "cross_entropy_upper")
    rows = [{"training_name": name, **dict(zip(names, values, strict=True))} for name, values in losses.items()]
    return pl.DataFrame(rows, schema_overrides=dict.fromkeys(names, pl.Float64))


def test_the_sentence_names_the_best_and_the_worst_training() -> None:
    sentence = sentence_of(table_of(CdSe=(0.3, 0.2, 0.45), Ag=(0.1, 0.05, 0.2), Si=(1.5, 1.0, 2.0)), "Au")
    assert sentence == (
        "on Au networks trained on Ag are predicted to do best, cross-entropy 0.100 (0.050 to 0.200); those of Si "
        "worst, cross-entropy 1.500 (1.000 to 2.000)"
    )


def test_a_sentence_without_intervals_or_rivals_says_less() -> None:
    sentence = sentence_of(table_of(CdSe=(0.3, None, None)), "Au")
    assert sentence == "on Au networks trained on CdSe are predicted, cross-entropy 0.300"
    assert sentence_of(table_of(CdSe=(None, None, None)), "Au") is None


def test_of_several_conditions_the_geometric_mean_counts() -> None:
    table = pl.concat([table_of(CdSe=(0.1, None, None), Ag=(0.2, None, None)), table_of(CdSe=(0.9, None, None))])
    sentence = sentence_of(table, "Au")
    assert sentence is not None and "trained on Ag are predicted to do best" in sentence
    assert "those of CdSe worst, cross-entropy 0.300" in sentence


def test_a_study_of_one_kind_of_specimens_says_nothing_about_others(tiny: Study) -> None:
    with pytest.raises(InputError, match="has one kind of specimens: nothing in it says how networks do on others"):
        UnseenSet.of("Ag", Plan(tiny))


def test_nothing_new_is_a_fault_with_a_remedy(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["predict", str(tmp_path)])
    assert isinstance(result.exception, InputError)
    assert "--specimens" in str(result.exception)
