"""The verb ``compare``: its options."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer


class Rule(StrEnum):
    """An observer."""

    linear = "linear"
    forest = "forest"
    both = "both"
    ideal = "ideal"


Specimens = Annotated[
    str | None,
    typer.Option(
        "--specimens", help="A recipe, study, database, or crystal. Default: CdSe on carbon.", show_default=False
    ),
]
TrainSpecimens = Annotated[
    str | None,
    typer.Option("--train-specimens", help="Those of the training, if tests show others.", show_default=False),
]
TestSpecimens = Annotated[
    str | None,
    typer.Option("--test-specimens", help="Those of the test; both are given as --specimens.", show_default=False),
]
_File = "a set of parameters, an image set, conditions to score under, or a study (YAML)."
_Name = typer.Option(help="Only this condition of the file; may be repeated. Default: all.", show_default=False)


def compare(
    train: Annotated[Path, typer.Argument(help=f"Conditions to train on: {_File}", show_default=False)],
    test: Annotated[Path, typer.Argument(help=f"Conditions to test on: {_File}", show_default=False)],
    specimens: Specimens = None,
    train_specimens: TrainSpecimens = None,
    test_specimens: TestSpecimens = None,
    train_name: Annotated[list[str] | None, _Name] = None,
    test_name: Annotated[list[str] | None, _Name] = None,
    rule: Annotated[
        list[Rule] | None,
        typer.Option(help="An observer; may be repeated. Forests take seconds. Default: linear.", show_default=False),
    ] = None,
    energy_kev: Annotated[
        float | None,
        typer.Option("--energy-kev", min=30, max=1500, help="Electron energy. Default: of the files, or 300."),
    ] = None,
    sampling_angstrom: Annotated[
        float | None,
        typer.Option("--sampling-angstrom", min=0.01, max=100, help="Size of a camera's pixel, which MTFs count in."),
    ] = None,
    all_numbers: Annotated[bool, typer.Option("--all", help="Print sigma and all other numbers, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with all numbers.")] = False,
    picture: Annotated[
        Path | None, typer.Option("--picture", help="Draw both: a PNG or SVG.", show_default=False)
    ] = None,
) -> None:
    """Predict how networks trained on some conditions do on others, without any training: a factor, and the reason."""
    from temshift.cli.verbs import compare

    rules: list[Any] = [observer.value for observer in rule or [Rule.linear]]
    asked = compare.Asked(
        specimens=specimens,
        of_sides=(train_specimens, test_specimens),
        energy_kev=energy_kev,
        sampling=sampling_angstrom,
        names=(tuple(train_name or ()), tuple(test_name or ())),
        rules=rules,
        all_numbers=all_numbers,
        as_json=as_json,
        picture=picture,
    )
    compare.compare(train, test, asked)
