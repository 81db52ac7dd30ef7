"""The verb ``design``: its options."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from temshift.cli.options.common import AtlasData, InAtlas, refuse_without_atlas
from temshift.cli.options.compare import Rule, Specimens
from temshift.core import InputError

NOT_OF_ATLAS = "--atlas ranks its own distributions; leave out --size, --broad, --candidates, energy, pixels"


class Objective(StrEnum):
    """The number that a design minimises over its targets; regret is the loss over the best of single conditions."""

    regret = "regret"
    worst = "worst"
    mean = "mean"


Targets = Annotated[
    Path, typer.Option("--targets", help="Conditions to serve: as for temshift compare (YAML).", show_default=False)
]
TargetSpecimens = Annotated[
    str | None,
    typer.Option("--target-specimens", help="Choose the crystal or mixture to train on for these.", show_default=False),
]
Size = Annotated[int | None, typer.Option("--size", "-k", help="How many conditions to train on.", show_default=False)]
Minimised = Annotated[
    Objective, typer.Option("--objective", help="Minimise the largest regret, the worst, or the mean loss.")
]
SearchRule = Annotated[
    Rule, typer.Option("--search", help="Observer that searches; all others than linear take minutes.")
]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="Write the conditions (YAML), and a picture next to it.", show_default=False),
]
Candidates = Annotated[
    Path | None,
    typer.Option("--candidates", help="More candidates: as --targets, or a study with sets.", show_default=False),
]
Energy = Annotated[
    float | None,
    typer.Option("--energy-kev", min=30, max=1500, help="Default: of the files, or 300.", show_default=False),
]
Sampling = Annotated[
    float | None,
    typer.Option(
        "--sampling-angstrom", min=0.01, max=1.5, help="Pixels. Default: of the files, or 0.4.", show_default=False
    ),
]


def design(
    targets: Targets,
    size: Size = None,
    broad: Annotated[bool, typer.Option("--broad", help="One broad distribution in place of several.")] = False,
    objective: Minimised = Objective.regret,
    specimens: Specimens = None,
    target_specimens: TargetSpecimens = None,
    output: Output = None,
    candidates: Candidates = None,
    grid: Annotated[int, typer.Option("--grid", min=0, max=1000, help="Candidates on a grid, about; 0: none.")] = 40,
    search: SearchRule = Rule.linear,
    rule: Annotated[Rule, typer.Option("--rule", help="Observer that ranks the best and predicts.")] = Rule.both,
    energy_kev: Energy = None,
    sampling_angstrom: Sampling = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
    in_atlas: InAtlas = False,
    atlas_data: AtlasData = None,
) -> None:
    """Choose conditions to train on that give away least, as predicted, on any of the target conditions."""
    from temshift.cli.verbs import atlas, design

    if in_atlas:
        if size is not None or broad or candidates is not None or energy_kev or sampling_angstrom:
            raise InputError(NOT_OF_ATLAS)
        atlas.design(targets, objective.value, specimens or "CdSe", atlas_data, output=output, as_json=as_json)
        return
    refuse_without_atlas({"--atlas-data": atlas_data})
    asked = design.Asked(
        size=size,
        broad=broad,
        objective=objective.value,
        search=search.value,
        rule=rule.value,
        grid=grid,
        candidates=candidates,
    )
    setting = design.Setting(specimens, energy_kev, sampling_angstrom)
    if target_specimens is not None:
        design.choose(targets, target_specimens, asked, setting, output, as_json)
        return
    design.design(targets, asked, setting, output, as_json)
