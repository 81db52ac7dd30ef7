"""What the verb ``design`` does: choose training conditions for target conditions."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from temshift.cli.verbs.progress import progress_for
from temshift.cli.verbs.shared import Interrupted
from temshift.cli.verbs.tables import number_text, say, table_console, text_table
from temshift.core.errors import InputError
from temshift.information.designs.training_design import DESIGN, Design, Objective
from temshift.information.observers.observer import RuleName
from temshift.workflows.condition_files import read_conditions
from temshift.workflows.design_training import Wanted, design_for, require_output, write_design


@dataclass(frozen=True)
class Asked:
    """What is asked of a design, as the command line tells it."""

    size: int | None
    broad: bool
    objective: Objective
    search: RuleName
    rule: RuleName
    grid: int
    candidates: Path | None

    def wanted(self) -> Wanted:
        """Return what is asked for.

        Raises
        ------
        InputError
            Where both a size and a broad distribution are asked for, or neither.
        """
        if self.broad == (self.size is not None):
            raise InputError("give either --size K or --broad")
        return Wanted(self.size, self.objective, self.search, self.rule, self.grid, self.candidates)


@dataclass(frozen=True)
class Setting:
    """The microscope and the specimens, as the command line tells them."""

    specimens: str | None
    energy_kev: float | None
    sampling_angstrom: float | None


def design(targets: Path, asked: Asked, setting: Setting, output: Path | None, as_json: bool) -> None:
    """Choose conditions, print what they are predicted to give, and write them where asked."""
    if output is not None:
        require_output(output)
    wanted, given = asked.wanted(), read_conditions(targets, "test")
    energy = None if setting.energy_kev is None else setting.energy_kev * 1e3
    try:
        found = design_for(
            given,
            wanted,
            specimens=setting.specimens,
            energy=energy,
            sampling=setting.sampling_angstrom,
            progress=progress_for(Console(stderr=True)),
        )
    except KeyboardInterrupt:
        raise Interrupted("interrupted; nothing was written") from None
    written = [] if output is None else write_design(found, given, output)
    if as_json:
        typer.echo(json.dumps(as_plain(found), indent=2))
        return
    _print(found, written)


def as_plain(found: Design) -> dict[str, Any]:
    """Return a design as plain values."""
    return {
        "objective": found.objective,
        "rule": found.rule,
        "conditions": found.conditions.model_dump(mode="json", exclude_none=True),
        "sets": {name: list(members) for name, members in found.sets.items()},
        "summary": found.summary.to_dicts(),
        "predicted": found.predicted.to_dicts(),
    }


def _print(found: Design, written: list[Path]) -> None:
    rows = [
        [
            row["set_name"],
            number_text(row["worst"]),
            number_text(row["mean"]),
            row["worst_target"],
            "; ".join(found.sets[row["set_name"]]),
        ]
        for row in found.summary.iter_rows(named=True)
    ]
    console = table_console()
    titles = ("set", "worst CE", "mean CE", "worst at", "trained on")
    console.print(text_table(titles, rows, numbers=titles[1:3]))
    say(console, f"Predicted by the observer {found.rule!r}: what counts is the order, not the size, of these losses")
    for remark in remarks(found):
        say(console, remark)
    if written:
        say(console, f"train on {written[0]} (conditions of a study); picture: {written[1]}")
    else:
        say(console, "--output FILE.yaml writes the conditions, ready for a study")


def remarks(found: Design) -> list[str]:
    """Tell what the comparison says against the design."""
    told = {row["set_name"]: row[found.objective] for row in found.summary.iter_rows(named=True)}
    better = [name for name, value in told.items() if value < told[DESIGN] * (1 - 1e-9)]
    return [
        f"{name!r} is predicted to do better: {told[name]:.3f} against {told[DESIGN]:.3f}; "
        "the search is greedy, and --search both looks closer"
        for name in better
    ]
