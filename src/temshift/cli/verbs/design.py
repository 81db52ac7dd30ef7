"""The verb ``design``: choose training conditions for target conditions."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import typer
from rich.console import Console
from rich.table import Table

from temshift.cli.verbs.progress import progress_for
from temshift.cli.verbs.shared import Interrupted
from temshift.cli.verbs.tables import number_text, say, table_console, text_table
from temshift.core import InputError
from temshift.information import DESIGN, HOPELESS, NOTABLE, Design, Objective, RuleName, SpecimenChoice
from temshift.workflows import (
    Wanted,
    WantedSpecimens,
    choose_for,
    design_for,
    read_conditions,
    require_output,
    write_design,
)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Requests of a design, as the command line gives them."""

    size: int | None
    broad: bool
    objective: Objective
    search: RuleName
    rule: RuleName
    grid: int
    candidates: Path | None

    def for_workflow(self) -> Wanted:
        """Return the requests as the workflow takes them.

        Raises
        ------
        InputError
            If both a size and a broad distribution are asked for, or neither.
        """
        if self.broad == (self.size is not None):
            raise InputError("give either --size K or --broad")
        return Wanted(self.size, self.objective, self.search, self.rule, self.grid, self.candidates)


@dataclass(frozen=True)
class Setting:
    """The microscope and the specimens, as the command line gives them."""

    specimens: str | None
    energy_kev: float | None
    sampling_angstrom: float | None


def design(targets: Path, asked: Asked, setting: Setting, output: Path | None, as_json: bool) -> None:
    """Choose conditions, print their predicted losses, and write them if asked to."""
    if output is not None:
        require_output(output)
    requests = asked.for_workflow()
    given = read_conditions(targets, "test")
    energy = None if setting.energy_kev is None else setting.energy_kev * 1e3
    try:
        chosen = design_for(
            given,
            requests,
            specimens=setting.specimens,
            energy=energy,
            sampling=setting.sampling_angstrom,
            progress=progress_for(Console(stderr=True)),
        )
    except KeyboardInterrupt:
        raise Interrupted("interrupted; nothing was written") from None
    written = [] if output is None else write_design(chosen, given, output)
    if as_json:
        typer.echo(json.dumps(as_plain(chosen), indent=2))
        return
    _print(chosen, written)


def choose(
    targets: Path, target_specimens: str, asked: Asked, setting: Setting, output: Path | None, as_json: bool
) -> None:
    """Choose specimens to train on for others, and print the sentence and the sets that were compared."""
    refused = {"--broad": asked.broad, "--output": output is not None, "--specimens": setting.specimens is not None}
    for option, given in refused.items():
        if given:
            raise InputError(f"{option} is about conditions; with --target-specimens leave it out")
    sought = WantedSpecimens(
        target_specimens,
        asked.candidates,
        asked.size or 2,
        asked.search,
        asked.rule,
        None if setting.energy_kev is None else setting.energy_kev * 1e3,
        setting.sampling_angstrom,
    )
    try:
        chosen = choose_for(read_conditions(targets, "test"), sought, progress_for(Console(stderr=True)))
    except KeyboardInterrupt:
        raise Interrupted("interrupted; nothing was written") from None
    if as_json:
        plain = {"verdict": chosen.sentence, "target": chosen.target, "rule": chosen.rule}
        typer.echo(json.dumps({**plain, "ranked": chosen.ranked.to_dicts(), "searched": chosen.searched.to_dicts()}))
        return
    _print_choice(chosen)


def _print_choice(chosen: SpecimenChoice) -> None:
    console = table_console()
    say(console, chosen.sentence)
    titles = ("trained on", "CE on target", "regret")
    for words, table in (("ranked by", chosen.ranked), ("searched", chosen.searched)):
        rows = [
            [row["set_name"], *(number_text(row[name]) for name in ("cross_entropy", "regret"))]
            for row in table.iter_rows(named=True)
        ]
        say(console, f"{words} {chosen.rule!r}" if words == "ranked by" else words)
        console.print(text_table(titles, rows, numbers=titles[1:]))
    say(
        console, "predicted by observers, not measured with networks; regret is the factor above training on the target"
    )


def as_plain(chosen: Design) -> dict[str, Any]:
    """Return a design as plain values."""
    return {
        "objective": chosen.objective,
        "rule": chosen.rule,
        "conditions": chosen.conditions.model_dump(mode="json", exclude_none=True),
        "sets": {name: list(members) for name, members in chosen.sets.items()},
        "summary": chosen.summary.to_dicts(),
        "predicted": chosen.predicted.to_dicts(),
        "rival": chosen.rival,
        "targets": chosen.costs.to_dicts(),
    }


def _print(chosen: Design, written: list[Path]) -> None:
    console = table_console()
    console.print(_sets_table(chosen))
    console.print(_costs_table(chosen))
    say(console, f"Predicted by the observer {chosen.rule!r}: the order of these losses counts, not their size")
    for remark in remarks(chosen):
        say(console, remark)
    if written:
        say(console, f"train on {written[0]} (conditions of a study); picture: {written[1]}")
    else:
        say(console, "--output FILE.yaml writes the conditions, ready for a study")


def _sets_table(chosen: Design) -> Table:
    titles = ("set", "regret", "worst CE", "mean CE", "regret at", "worst at", "trained on")
    rows = [
        [
            row["set_name"],
            *(number_text(row[name]) for name in ("regret", "worst", "mean")),
            row["regret_target"],
            row["worst_target"],
            "; ".join(chosen.sets[row["set_name"]]),
        ]
        for row in chosen.summary.iter_rows(named=True)
    ]
    return text_table(titles, rows, numbers=titles[1:4])


def _costs_table(chosen: Design) -> Table:
    """The price of the design on each target: against the best single candidate, and against the plain set."""
    titles = ("target", "CE of its best", "CE of design", "regret", f"CE {chosen.rival}", f"design / {chosen.rival}")
    numbers = ("best_cross_entropy", "design", "regret", "rival", "cost")
    rows = [
        [
            row["target_name"] + (" (hopeless)" if row["hopeless"] else ""),
            *(number_text(row[name]) for name in numbers),
            row["best_single"],
        ]
        for row in chosen.costs.iter_rows(named=True)
    ]
    return text_table((*titles, "its best single candidate"), rows, numbers=titles[1:])


def remarks(chosen: Design) -> list[str]:
    """Return the objections of the comparison to the design, one sentence each."""
    losses = {row["set_name"]: row[chosen.objective] for row in chosen.summary.iter_rows(named=True)}
    better = [name for name, value in losses.items() if value < losses[DESIGN] * (1 - 1e-9)]
    lines = [
        f"{name!r} is predicted to do better: {losses[name]:.3f} against {losses[DESIGN]:.3f}; "
        "the search is greedy, and --search both looks closer"
        for name in better
    ]
    return [*lines, *_cost_remarks(chosen), *_hopeless_remarks(chosen)]


def _cost_remarks(chosen: Design) -> list[str]:
    """Say which targets pay for the others, and which gain most, compared with the plain set."""
    costs = chosen.costs.sort("cost")
    gains, pays = costs.filter(pl.col("cost") < 1 / NOTABLE), costs.filter(pl.col("cost") > NOTABLE)
    least, most = (costs.row(number, named=True) for number in (0, -1))
    words = f"loses less than {chosen.rival!r} at {len(gains)} of {len(costs)} targets"
    if len(gains):
        words += f" (by up to a factor of {1 / least['cost']:.2f}, {least['target_name']!r})"
    words += f" and more at {len(pays)}"
    if len(pays):
        words += f" (by up to {most['cost']:.2f}, {most['target_name']!r})"
    return [f"the design {words}; factors below {NOTABLE:g} are not counted"]


def _hopeless_remarks(chosen: Design) -> list[str]:
    """Name the targets that no candidate serves."""
    names = chosen.limits.filter("hopeless")["target_name"].to_list()
    if not names:
        return []
    chance = chosen.limits["chance_cross_entropy"][0]
    return [
        f"hopeless, since even the best single candidate keeps {HOPELESS:.0%} or more of the loss of chance, "
        f"{chance:.3f}: {', '.join(map(repr, names))}; consider leaving these targets out"
    ]
