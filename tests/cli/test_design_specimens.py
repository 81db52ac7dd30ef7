"""The verb ``design --target-specimens``: which crystal or mixture to train on."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from temshift.cli.app import app

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_specimens_to_train_on_are_chosen_for_a_target(tmp_path: Path) -> None:
    (tmp_path / "near.yaml").write_text("{defocus_nm: -10, dose_e_per_A2: 400, semiangle_cutoff_mrad: 12}\n")
    command = ["design", "--targets", str(tmp_path / "near.yaml"), "--target-specimens", "Au", "--rule", "linear"]
    shown = CliRunner().invoke(app, command)
    assert shown.exit_code == 0, shown.output
    lines = shown.stdout.splitlines()
    assert re.match(r"train on .* for Au: predicted cross-entropy 0\.\d+, ", lines[0])
    answer = json.loads(CliRunner().invoke(app, [*command, "--size", "1", "--json"]).stdout)
    assert answer["verdict"].startswith("train on ") and "Au" not in [row["set_name"] for row in answer["searched"]]
    assert len(answer["searched"]) == 10


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--broad"], "--broad is about conditions"),
        (["--specimens", "Ag"], "--specimens is about conditions"),
        (["--candidates", str(EXAMPLES / "quick_study.yaml")], "has no specimen_sets to choose from"),
    ],
)
def test_specimens_that_can_not_be_chosen_are_refused(tmp_path: Path, options: list[str], words: str) -> None:
    (tmp_path / "near.yaml").write_text("{defocus_nm: -10, dose_e_per_A2: 400, semiangle_cutoff_mrad: 12}\n")
    result = CliRunner().invoke(
        app, ["design", "--targets", str(tmp_path / "near.yaml"), "--target-specimens", "Au", *options]
    )
    assert words in str(result.exception)
